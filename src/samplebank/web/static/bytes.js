// Bytes that are selected on the page of bytes, copied as hex, as Python, or as a string of a YARA rule.

const ROW = 16;
const table = document.querySelector("table[data-bytes]");

/** The number of bytes in a row before a place in the text of its cell. @param {Element} cell @param {Node} node @param {number} offset */
function bytesBefore(cell, node, offset, isEnd) {
    const range = document.createRange();
    range.selectNodeContents(cell);
    range.setEnd(node, offset);
    const text = range.toString();
    if (cell.cellIndex === 2) return text.length;
    const digits = text.replace(/\s/g, "").length;
    return isEnd ? Math.ceil(digits / 2) : Math.floor(digits / 2);
}

/** The bytes of the selection in hex, from the first row to the last. @returns {string[]} */
function selected() {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || !selection.rangeCount) return [];
    const range = selection.getRangeAt(0);
    const found = [];
    let column = 0;
    for (const row of table.tBodies[0].rows) {
        if (!range.intersectsNode(row)) continue;
        const cells = [row.cells[1], row.cells[2]];
        const touched = cells.find((cell) => range.intersectsNode(cell) && (!column || cell.cellIndex === column));
        if (!touched) continue;
        column ||= touched.cellIndex;
        const bytes = row.cells[1].textContent.trim().split(/\s+/);
        const first = touched.contains(range.startContainer) ? bytesBefore(touched, range.startContainer, range.startOffset, false) : 0;
        const last = touched.contains(range.endContainer) ? bytesBefore(touched, range.endContainer, range.endOffset, true) : ROW;
        found.push(...bytes.slice(first, last));
    }
    return found;
}

const FORMS = {
    hex: (bytes) => bytes.join(" "),
    Python: (bytes) => `bytes.fromhex("${bytes.join("")}")`,
    YARA: (bytes) => `$bytes = { ${bytes.join(" ").toUpperCase()} }`,
};

if (table) {
    const bar = document.createElement("p");
    bar.className = "chips copying";
    bar.hidden = true;
    bar.setAttribute("role", "status");
    const said = document.createElement("span");
    bar.append(said);
    for (const name of Object.keys(FORMS)) {
        const button = document.createElement("button");
        button.type = "button";
        button.append(`copy as ${name}`);
        button.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the selection
        bar.append(button);
    }
    table.before(bar);
    document.addEventListener("selectionchange", () => {
        const bytes = selected();
        if (!bytes.length) return;
        said.textContent = `${bytes.length} ${bytes.length === 1 ? "byte" : "bytes"} selected:`;
        bar.hidden = false;
        Object.values(FORMS).forEach((write, at) => (bar.querySelectorAll("button")[at].dataset.copy = write(bytes)));
    });
}
