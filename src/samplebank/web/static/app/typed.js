// What was typed and chosen in a form that was not taken comes back when the form is shown again: a form that was refused, that
// was sent after the session had ended, or that did not reach the service. What is marked with data-unkept is typed anew each time.

const TYPED = "samplebank-typed";
const TYPED_IN = ":is(textarea, input:not([type])):not([data-unkept])";

/** Keep what was typed and chosen in the form, until the form is taken. */
function keepTyped(form) {
    const fields = [...form.querySelectorAll(`${TYPED_IN}[name]`)];
    const typed = fields.filter((one) => one.value).map((one) => [one.name, one.value]);
    const chosen = [...form.querySelectorAll("select[name]")].map((one) => [one.name, one.value]);
    if (typed.length) remember(TYPED, { action: form.action, typed, chosen, isRefused: false });
}

document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.target.method === "post") keepTyped(event.target);
});

/** Whether the service has led to the page, as after each form that was taken. */
const wasLedHere = () => performance.getEntriesByType("navigation")[0]?.redirectCount > 0;

/** Fill what was typed into the form that is shown again. */
function restoreTyped() {
    const kept = recall(TYPED);
    if (!kept) return;
    if (document.querySelector("[data-taken]")) {
        remember(TYPED, null);
        return;
    }
    if (document.querySelector("[data-refused]") || !document.querySelector("nav")) { // without a way to pages nobody is signed in
        remember(TYPED, { ...kept, isRefused: true });
        return;
    }
    const entry = (one, name) => one.querySelector(`${TYPED_IN}[name="${CSS.escape(name)}"]`);
    const form = [...document.forms].find(
        (one) => one.method === "post" && one.action === kept.action && kept.typed.every(([name]) => entry(one, name)),
    );
    const isTaken = !kept.isRefused && wasLedHere();
    if (!form && !isTaken) return;
    remember(TYPED, null);
    if (isTaken) return;
    for (const [name, value] of kept.typed) {
        const field = entry(form, name);
        if (field.value === field.defaultValue) field.value = value;
    }
    for (const [name, value] of kept.chosen) {
        const field = form.querySelector(`select[name="${CSS.escape(name)}"]`);
        if ([...(field?.options ?? [])].some((one) => one.value === value)) field.value = value;
    }
}

restoreTyped();
