// Files that are dropped on any page are submitted. Files cannot go to another page, so the page of the form comes to the files.

const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && document.querySelector("nav");
let depth = 0;

const AWAY = "The service cannot be reached: no file was sent. Drop the files again in a while.";
const SIGNED_OUT = "Your session has ended: no file was sent. Load the page again, sign in, and drop the files again.";

/** Replace the page by the page of the form; answers the module of the form. */
async function loadForm() {
    const url = new URL(`${root()}submit`, location.href);
    const answer = await ask(url);
    if (answer.type === "opaqueredirect") throw new Error(SIGNED_OUT);
    if (answer.status >= 500) throw new Error(AWAY);
    const page = await read(answer);
    const script = page.querySelector('script[src$="submit.js"]');
    if (!script) return null;
    unfollow();
    history.pushState(null, "", url);
    addEventListener("popstate", () => {
        // the address is the other page's already, and relative addresses of this page lead nowhere
        unfollow();
        hasEnded = true;
        location.reload();
    });
    document.documentElement.dataset.root = page.documentElement.dataset.root;
    document.title = page.title;
    document.body = document.importNode(page.body, true);
    follow();
    return import(new URL(script.getAttribute("src"), url).href);
}

document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) document.body.classList.remove("dropping");
});
document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
});
document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dropping");
    // read before anything is awaited: afterwards the browser has forgotten what was dropped
    const entries = [...event.dataTransfer.items]
        .map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
        .filter(Boolean);
    const open = document.querySelector('script[src$="submit.js"]');
    if (open) {
        await (await import(open.src)).addEntries(entries);
        return;
    }
    document.querySelector(".alarm")?.remove();
    try {
        const form = await loadForm();
        if (form) await form.offerEntries(entries);
        else location.href = `${root()}submit`;
    } catch (error) {
        alarm(error.message === SIGNED_OUT ? SIGNED_OUT : AWAY);
    }
});
