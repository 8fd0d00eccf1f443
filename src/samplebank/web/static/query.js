// Completion in the boxes of queries: names of fields, and known values.

const PAUSE = 120; // milliseconds after the last key before the service is asked
const root = document.documentElement.dataset.root;
// The service counts places in code points, and a text of a script is counted in units of UTF-16: an emoji has two.

/** The choices for a place in a query; null while the service is away, and after the session has ended: the box works without choices. */
async function choicesFor(query) {
    try {
        const answer = await fetch(`${root}complete?${query}`, { redirect: "error" });
        return answer.ok ? await answer.json() : null;
    } catch {
        return null;
    }
}

/** @param {HTMLInputElement} box */
function completeIn(box) {
    const list = document.createElement("ul");
    list.className = "choices";
    list.role = "listbox";
    list.id = `choices-${box.dataset.complete}`;
    list.hidden = true;
    box.after(list);
    box.setAttribute("role", "combobox");
    box.setAttribute("aria-controls", list.id);
    box.setAttribute("aria-expanded", "false");
    let span = [0, 0];
    let length = 0; // of the text that the span is about
    let timer = 0;
    let asked = 0;

    function close() {
        list.hidden = true;
        box.setAttribute("aria-expanded", "false");
        box.removeAttribute("aria-activedescendant");
    }

    function take(text) {
        const start = span[0];
        const end = span[1] + box.value.length - length; // typing goes on while an answer is on its way
        const blank = text.endsWith(":") || text.endsWith(".") ? "" : " ";
        box.value = box.value.slice(0, start) + text + blank + box.value.slice(end).trimStart();
        box.setSelectionRange(start + text.length + blank.length, start + text.length + blank.length);
        box.focus();
        close();
    }

    function mark(place) {
        const items = [...list.children];
        items.forEach((item, i) => item.setAttribute("aria-selected", String(i === place)));
        items[place]?.scrollIntoView({ block: "nearest" });
        // the focus stays in the box: so screen readers are told which choice is marked
        if (items[place]) box.setAttribute("aria-activedescendant", items[place].id);
    }

    async function ask() {
        const mine = ++asked;
        const text = box.value;
        const at = [...text.slice(0, box.selectionStart ?? 0)].length;
        const query = new URLSearchParams({ q: text, at: String(at), kind: box.dataset.complete });
        const told = await choicesFor(query);
        if (!told || mine !== asked || document.activeElement !== box) return;
        const [start, end, choices] = told;
        span = [start, end].map((place) => [...text].slice(0, place).join("").length);
        length = text.length;
        list.replaceChildren(
            ...choices.map(([text, help], at) => {
                const item = document.createElement("li");
                item.id = `${list.id}-${at}`;
                item.role = "option";
                item.append(text);
                item.dataset.text = text;
                const small = document.createElement("small");
                small.append(help);
                item.append(small);
                return item;
            }),
        );
        box.removeAttribute("aria-activedescendant");
        list.hidden = choices.length === 0;
        box.setAttribute("aria-expanded", String(!list.hidden));
    }

    box.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(ask, PAUSE);
    });
    box.addEventListener("blur", () => setTimeout(close, PAUSE));
    list.addEventListener("mousedown", (event) => {
        const item = event.target instanceof Element ? event.target.closest("li") : null;
        event.preventDefault();
        if (item) take(item.dataset.text);
    });
    box.addEventListener("keydown", (event) => {
        if (list.hidden) return;
        const items = [...list.children];
        const place = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
        if (event.key === "ArrowDown") mark(Math.min(items.length - 1, place + 1));
        else if (event.key === "ArrowUp") mark(Math.max(0, place - 1));
        else if (event.key === "Escape") close();
        else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && place >= 0)) take(items[Math.max(0, place)].dataset.text);
        else return;
        event.preventDefault();
    });
}

document.querySelectorAll("input[data-complete]").forEach(completeIn);
