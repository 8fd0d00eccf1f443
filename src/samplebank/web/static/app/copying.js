// Values are copied with a click.

const COPIED = 1200; // milliseconds for which a copied value is marked

/** Copy a text, also where browsers hide the clipboard from scripts, as over plain HTTP, or keep the clipboard closed. */
export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        return;
    } catch {
        // the old way, below
    }
    const focused = document.activeElement;
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
}

document.addEventListener("click", async (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (!target || target.closest("a")) return;
    await copy(target.dataset.copy || target.textContent.trim());
    target.classList.add("copied");
    setTimeout(() => target.classList.remove("copied"), COPIED);
});
