// What was typed and chosen in a form that was refused, or sent after the session had ended, comes back when the form is shown again.

const TYPED = "samplebank-typed";

document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    const fields = [...form.querySelectorAll('textarea[name], input[name]:not([type], [autocomplete="off"])')];
    const typed = fields.filter((one) => one.value).map((one) => [one.name, one.value]);
    const chosen = [...form.querySelectorAll("select[name]")].map((one) => [one.name, one.value]);
    if (typed.length) remember(TYPED, { action: form.action, typed, chosen, isRefused: false });
});

/** Fill what was typed into the form that is shown again. A page that is no refusal says that the form was taken. */
function restoreTyped() {
    const kept = recall(TYPED);
    if (!kept) return;
    if (document.querySelector("[data-refused]")) {
        remember(TYPED, { ...kept, isRefused: true });
        return;
    }
    const form = [...document.forms].find((one) => one.method === "post" && one.action === kept.action);
    if (kept.isRefused && !form) return;
    remember(TYPED, null);
    if (!kept.isRefused) return;
    for (const [name, value] of kept.typed) {
        const field = form.querySelector(`textarea[name="${CSS.escape(name)}"], input[name="${CSS.escape(name)}"]`);
        if (field && !field.value) field.value = value;
    }
    for (const [name, value] of kept.chosen) {
        const field = form.querySelector(`select[name="${CSS.escape(name)}"]`);
        if ([...(field?.options ?? [])].some((one) => one.value === value)) field.value = value;
    }
}

restoreTyped();
