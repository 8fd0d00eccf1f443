// What the tab or the browser keeps. Both may be full, or forbid all keeping: then a page begins anew.

function ofTab() {
    return sessionStorage;
}

export function ofBrowser() {
    return localStorage;
}

export function remember(name, value, store = ofTab) {
    try {
        store().setItem(name, JSON.stringify(value));
    } catch {
        // the page works all the same
    }
}

/** The value that was remembered last; null without one. */
export function recall(name, store = ofTab) {
    try {
        return JSON.parse(store().getItem(name) ?? "null");
    } catch {
        return null;
    }
}
