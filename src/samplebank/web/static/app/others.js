// The tabs of a browser have one session. After somebody else has signed in in another tab, this tab would send its forms as that user.

const html = document.documentElement;

/** Say who has signed in since this page was loaded. */
const tellOther = () => stop(`You have signed in as ${html.dataset.other} in another tab: load this page again before you go on.`);

/** Tell the other tabs whose page this is; they tell the same. */
function meetTabs() {
    const tabs = new BroadcastChannel("samplebank-user");
    tabs.addEventListener("message", ({ data }) => {
        if (data === html.dataset.user) return;
        html.dataset.other = data; // nothing is sent any more, see also submit.js
        tellOther();
    });
    tabs.postMessage(html.dataset.user);
}

try {
    if (html.dataset.user) meetTabs();
} catch {
    // the browser does not let tabs speak to each other: the page works all the same
}

document.addEventListener("submit", (event) => {
    if (!html.dataset.other || event.target.method !== "post" || event.target.matches(".look, .out")) return;
    keepTyped(event.target);
    event.preventDefault();
    event.stopImmediatePropagation();
    tellOther();
}, true);
