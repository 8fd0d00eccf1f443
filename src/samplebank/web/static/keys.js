// The list of all keys, and the palette: pages by name, and samples by hash. Loaded when somebody asks for one of the two.

const ALWAYS = [
    ["j, k", "next and previous row of a list"],
    ["Enter", "open the marked row"],
    ["x", "select the marked row"],
    ["g t, g s, g j, g m", "go to Today, Samples, Jobs, your account"],
    ["Ctrl+K", "go to a page, or look for a sample"],
];

/**
 * Make an element with a text.
 * @param {string} name
 * @param {string} text
 */
function make(name, text) {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
}

/**
 * What a marked element does, in words.
 * @param {HTMLElement} marked
 */
function said(marked) {
    return marked.getAttribute("aria-label") || (marked.closest("label") ?? marked).textContent.trim();
}

/**
 * Show a dialog of its own, which goes when closed.
 * @param {string} title
 */
function open(title) {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    dialog.append(make("h2", title));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}

/** Show all keys of the page. */
export function keys() {
    const own = [...document.querySelectorAll("[data-key]")].map((one) => [one.dataset.key, said(one)]);
    const list = document.createElement("dl");
    for (const [key, does] of [...own, ...ALWAYS]) {
        const term = document.createElement("dt");
        term.append(make("kbd", key));
        list.append(term, make("dd", does));
    }
    const close = make("button", "Close");
    const dialog = open("Keys");
    close.addEventListener("click", () => dialog.close());
    dialog.append(list, close);
}

/** Go to a page by the begin of its name, or to samples by a hash or a word. */
export function palette() {
    const pages = [...document.querySelectorAll("header nav a, footer a")].map((link) => [link.textContent.trim(), link.href]);
    const search = document.querySelector("form.query");
    const dialog = open("Go to");
    const form = document.createElement("form");
    const field = document.createElement("input");
    const list = document.createElement("ul");
    field.setAttribute("aria-label", "A page, a hash or a word");
    form.append(field, list);
    dialog.append(form);

    const show = () => {
        const wanted = field.value.trim();
        const found = pages.filter(([name]) => name.toLowerCase().startsWith(wanted.toLowerCase()));
        if (wanted && search) found.push([`Samples with “${wanted}”`, `${search.action}?q=${encodeURIComponent(wanted)}`]);
        if (/^[0-9a-f]{64}$/i.test(wanted)) {
            found.unshift(["The sample with this hash", new URL(`sample/${wanted.toLowerCase()}`, search.action).href]);
        }
        list.replaceChildren(...found.map(([name, href]) => {
            const item = document.createElement("li");
            const link = make("a", name);
            link.href = href;
            item.append(link);
            return item;
        }));
    };
    field.addEventListener("input", show);
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        list.querySelector("a")?.click();
    });
    show();
    field.focus();
}
