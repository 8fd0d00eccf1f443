// Times are shown as they are spoken, or absolute. Each time has the other spelling as its title. The tab keeps the choice.
const TIMES = "samplebank-times";
const isAbsolute = () => recall(TIMES) === "absolute";

function swapTimes(page) {
    for (const time of page.querySelectorAll("time[title]")) [time.textContent, time.title] = [time.title, time.textContent];
}

// Spoken times grow old while a page is open. The clock of the service counts, as clocks of visitors differ.
const TICK = 10_000; // milliseconds between two looks at the clock
const SPANS = [[365 * 86_400, "y"], [86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]]; // seconds
const ahead = Date.now() - Number(document.documentElement.dataset.now);

function spoken(time, now) {
    const seconds = Math.floor(Math.abs(now - time) / 1000);
    if (!seconds) return "now";
    const [length, unit] = SPANS.find(([length]) => seconds >= length);
    const span = `${Math.floor(seconds / length)} ${unit}`;
    return time <= now ? `${span} ago` : `in ${span}`;
}

function tick() {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[title]")) {
        time[isAbsolute() ? "title" : "textContent"] = spoken(Date.parse(time.dateTime), Date.now() - ahead);
    }
}
setInterval(tick, TICK);
document.addEventListener("visibilitychange", tick);

if (isAbsolute()) swapTimes(document);
for (const button of document.querySelectorAll("[data-times]")) {
    button.hidden = !document.querySelector("time[title]");
    button.addEventListener("click", () => {
        remember(TIMES, isAbsolute() ? "spoken" : "absolute");
        swapTimes(document);
    });
}
