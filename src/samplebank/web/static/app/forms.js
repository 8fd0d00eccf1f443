// Forms: the look of the pages, the verdict by hand, the box of a query.

// The look changes in place: a page that answers a form, and what was typed, would be lost by going to a page.
document.querySelector("form.look")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const chosen = event.submitter;
    const body = new URLSearchParams(new FormData(form, chosen));
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (answer?.type !== "opaqueredirect") {
        alarm("The service cannot be reached: the look stays as it was. Choose the look again in a while.");
        return;
    }
    document.querySelector(".alarm")?.remove();
    if (chosen.value) document.documentElement.dataset.theme = chosen.value;
    else delete document.documentElement.dataset.theme;
    document.querySelector('meta[name="color-scheme"]').content = chosen.value || "light dark";
    for (const one of form.elements) if (one.name === "theme") one.setAttribute("aria-pressed", `${one === chosen}`);
});

/** Put the cursor where an opened part wants a text. */
const focusIn = (opened) => opened?.querySelector("[data-opened]")?.focus();

// What somebody opens to type something is typed at once.
document.addEventListener("toggle", ({ target }) => {
    if (target instanceof HTMLDetailsElement && target.open) focusIn(target);
}, true);

/** A verdict by hand is chosen by its key, and set with Enter behind the reason. */
function chooseVerdict(button) {
    const reason = button.form.elements.comment;
    for (const one of button.form.querySelectorAll("button")) one.classList.toggle("chosen", one === button);
    reason.focus();
}

document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    const chosen = event.target.form?.querySelector("button.chosen");
    if (!chosen) return;
    event.preventDefault();
    event.target.form.requestSubmit(chosen);
});

/** Completion is loaded for the first box of a query that somebody goes to; what was typed meanwhile is completed, too. */
document.addEventListener("focusin", async (event) => {
    if (!(event.target instanceof HTMLInputElement) || !event.target.dataset.complete) return;
    const typed = event.target.value;
    await import("./query.js");
    if (event.target.value !== typed) event.target.dispatchEvent(new Event("input"));
});
