// Other pages, and parts of other pages.

/** The way from the page to the first page. */
function root() {
    return document.documentElement.dataset.root;
}

/** Say on top of the page, also to screen readers, that something did not work. */
function alarm(text) {
    document.querySelector(".alarm")?.remove();
    const place = document.createElement("p");
    place.className = "alarm";
    place.setAttribute("role", "alert");
    place.textContent = text;
    document.body.append(place);
}

/** Ask for a page. A redirect is not followed: the redirect to the sign-in page says that the session has ended. */
const ask = (url) => fetch(url, { headers: { Accept: "text/html" }, redirect: "manual" });

export const ENDED = "Your session has ended: load the page again, and sign in.";

const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

/** Fetch another page. Its links lead to where they lead on that page. */
export async function load(href) {
    const url = new URL(href, location.href);
    const answer = await ask(url);
    if (answer.type === "opaqueredirect") throw new Error(ENDED);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const page = await read(answer);
    for (const link of page.querySelectorAll("[href]")) link.setAttribute("href", new URL(link.getAttribute("href"), url).href);
    return page;
}

/** Put in a part of another page: `data-part` is the address of the page, and behind `#` the id of the part. */
async function putIn(place) {
    const page = await load(place.dataset.part);
    const part = page.querySelector(new URL(place.dataset.part, location.href).hash);
    if (part) place.replaceChildren(document.importNode(part, true));
}

for (const place of document.querySelectorAll("[data-part]")) putIn(place).catch(() => {}); // without the part the page works, too
