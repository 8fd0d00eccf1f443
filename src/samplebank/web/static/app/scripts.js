// Without scripts all pages work: everything in these files is a shortcut to a link or a form.

document.documentElement.classList.add("scripts"); // shows what works with scripts only
