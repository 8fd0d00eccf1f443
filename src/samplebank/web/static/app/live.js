// Live parts: elements with data-live="topic". One stream of a visible tab says which topics have changed. Then the page
// is fetched again, and what differs is put in. In a list (data-list) rows stay where they are, and new rows are counted.

const LOOK = 15_000; // milliseconds after which a page with something under way is fetched again, should a message be lost
const REST = 500; // milliseconds between two fetches, unless a part asks for more: data-rest
const SETTLED = 700; // milliseconds after which somebody reads a page
const GONE = [403, 404]; // statuses of pages that are not for the visitor; a proxy may say the same while the service starts

/** @returns {HTMLElement[]} */
const liveParts = () => [...document.querySelectorAll("[data-live][id]")];
let stream = null;
let isFetching = false;
let isDue = false;
let followed = "";
let hasEnded = false;
let isPaused = false;
const topics = () => [...new Set(liveParts().map((part) => part.dataset.live))];

/** Make `old` like `fresh`, in place, so that focus, selection and open details stay. */
function morph(old, fresh) {
    if (old instanceof Element && old.matches("tr.selected")) fresh.classList.add("selected");
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
        old.replaceWith(document.importNode(fresh, true));
        return;
    }
    if (!(old instanceof Element)) {
        old.nodeValue = fresh.nodeValue;
        return;
    }
    for (const { name } of [...old.attributes]) {
        if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const children = [...old.childNodes];
    const wanted = [...fresh.childNodes];
    // rows that have gone or come in between: rows are told apart by their ids, and what has no id by its kind and order.
    // What stays is not moved, as the focus would be lost; what has to move gets its focus back
    const byId = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
    if (byId.size) {
        const ids = new Set(wanted.map((one) => one.id));
        for (const [id, one] of byId) if (!ids.has(id)) one.remove();
        const unnamed = children.filter((one) => !one.id);
        const knownAs = (one) => {
            if (one.id) return byId.get(one.id);
            const at = unnamed.findIndex((two) => two.nodeName === one.nodeName);
            return at < 0 ? undefined : unnamed.splice(at, 1)[0];
        };
        const focused = document.activeElement;
        let place = old.firstChild;
        for (const one of wanted) {
            const known = knownAs(one);
            const next = known ?? document.importNode(one, true);
            if (next === place) place = place.nextSibling;
            else old.insertBefore(next, place);
            if (known) morph(known, one);
        }
        for (const one of unnamed) one.remove();
        if (focused !== document.activeElement && old.contains(focused)) focused.focus({ preventScroll: true });
        return;
    }
    wanted.forEach((one, at) => {
        if (children[at]) morph(children[at], one);
        else old.append(document.importNode(one, true));
    });
    children.slice(wanted.length).forEach((one) => one.remove());
}

/** Update the rows of a list that are shown, and say how many are new. */
function mergeRows(part, fresh) {
    const rows = new Map([...fresh.querySelectorAll("tr[id]")].map((row) => [row.id, row]));
    for (const row of part.querySelectorAll("tr[id]")) {
        const now = rows.get(row.id);
        row.classList.toggle("gone", !now);
        if (now) morph(row, now);
        rows.delete(row.id);
    }
    part.toggleAttribute("data-open", fresh.hasAttribute("data-open"));
    part.querySelector(".news")?.remove();
    if (!rows.size || new URLSearchParams(location.search).has("after")) return;
    const link = document.createElement("a");
    link.className = "news";
    link.href = location.pathname + location.search; // a link with a fragment, as behind “To the content”, would load nothing
    link.setAttribute("role", "status");
    link.textContent = `${rows.size} new ↑`;
    part.prepend(link);
}

/** The page is shown to the visitor no more, and nobody should take for true what has long changed. */
function stop(told) {
    unfollow();
    hasEnded = true;
    alarm(told);
}

/** Fetch the page again, and put in what differs. */
async function refresh() {
    if (isPaused || hasEnded) return;
    if (isFetching) {
        isDue = true;
        return;
    }
    isFetching = true;
    isDue = false;
    try {
        const answer = await ask(location.href);
        if (answer.ok) {
            const page = await read(answer);
            if (isAbsolute()) swapTimes(page);
            for (const part of liveParts()) {
                const fresh = page.getElementById(part.id);
                if (!fresh) continue;
                if ("list" in part.dataset) mergeRows(part, fresh);
                else morph(part, fresh);
            }
            if (stream && topics().join() !== followed) follow();
        } else if (answer.type === "opaqueredirect") {
            stop(ENDED);
        } else if (GONE.includes(answer.status) && (await read(answer)).querySelector("[data-refused]")) {
            stop("What this page shows is not here for you any more: load the page again to see why.");
        }
    } catch {
        // the service is away: the next look tells
    }
    setTimeout(() => {
        isFetching = false;
        if (isDue) refresh();
    }, Math.max(REST, ...liveParts().map((part) => Number(part.dataset.rest ?? 0))));
}

function unfollow() {
    stream?.close();
    stream = null;
}

/** Listen for changes of what the page shows. */
function follow() {
    unfollow();
    const wanted = topics();
    followed = wanted.join();
    if (!wanted.length || document.hidden || hasEnded || isPaused) return;
    const query = wanted.map((topic) => `on=${encodeURIComponent(topic)}`).join("&");
    const opened = (stream = new EventSource(`${root()}live?${query}`));
    for (const topic of wanted) stream.addEventListener(topic, refresh);
    // what has changed while nobody listened
    stream.addEventListener("open", () => {
        if (document.querySelector("[data-open]")) refresh();
    });
    // Browsers come again by themselves after a broken connection, and never after a refusal, as by a proxy while the service starts.
    stream.addEventListener("error", () => {
        if (opened.readyState === EventSource.CLOSED && opened === stream) setTimeout(() => comeAgain(opened), LOOK);
    });
}

/** Listen again after a refusal, and look at what has changed meanwhile. */
function comeAgain(refused) {
    if (refused !== stream) return; // the page listens again already, or no more
    follow();
    refresh();
}

document.addEventListener("visibilitychange", () => {
    if (document.hidden) unfollow();
    else {
        follow();
        if (liveParts().length) refresh();
    }
});
document.addEventListener("refresh", refresh);

// A page that changes by itself can be held.
for (const button of document.querySelectorAll("[data-pauses]")) {
    button.hidden = !liveParts().length;
    button.addEventListener("click", () => {
        isPaused = !isPaused;
        button.setAttribute("aria-pressed", `${isPaused}`);
        if (isPaused) {
            unfollow();
            return;
        }
        follow();
        refresh();
    });
}
addEventListener("pagehide", unfollow);
// Who goes quickly from page to page needs no streams.
addEventListener("pageshow", () => setTimeout(follow, SETTLED));
setInterval(() => {
    if (!document.hidden && !hasEnded && document.querySelector("[data-live][data-open]")) refresh();
}, LOOK);
