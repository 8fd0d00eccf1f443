// The list that somebody opens a sample from is kept for the tab, and the page of the sample leads to the neighbours in the list.

const LIST = "samplebank-list";
const SAMPLE = /sample\/([0-9a-f]{64})$/;

document.addEventListener("click", (event) => {
    const row = event.target instanceof Element && event.target.closest("a")?.closest("tr[data-row]");
    if (!row) return;
    const links = [...row.closest("table").querySelectorAll("tr[data-row] a")];
    const samples = links.map((link) => SAMPLE.exec(link.getAttribute("href"))?.[1]).filter(Boolean);
    remember(LIST, { from: location.href, samples: [...new Set(samples)] });
});

/** Fill the line of the neighbours, if the sample is in the list. */
function showNeighbours(place) {
    const { from, samples } = recall(LIST) ?? { samples: [] };
    const at = samples.indexOf(place.dataset.sample);
    if (at < 0 || samples.length < 2) return;
    const link = (href, text, key) => {
        const made = document.createElement("a");
        Object.assign(made, { href, textContent: text });
        if (key) made.dataset.key = key;
        return made;
    };
    const to = (sample) => `${root()}sample/${sample}`;
    if (at) place.append(link(to(samples[at - 1]), "← previous", "["));
    place.append(link(from, `${at + 1} of ${samples.length} in the list`));
    if (at + 1 < samples.length) place.append(link(to(samples[at + 1]), "next →", "]"));
    place.hidden = false;
}

for (const place of document.querySelectorAll("[data-sample]")) showNeighbours(place);
