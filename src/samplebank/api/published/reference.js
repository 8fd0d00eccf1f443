"use strict";
const filter = document.getElementById("filter");
const findable = [...document.querySelectorAll("[data-find]")];
const groups = [...document.querySelectorAll("main section:not([data-find]), nav .links ul")];

function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of findable) {
    one.hidden = !words.every((word) => one.dataset.find.includes(word));
  }
  for (const group of groups) {
    const isEmpty = !group.querySelector("[data-find]:not([hidden])");
    group.hidden = isEmpty;
    if (group.tagName === "UL") group.previousElementSibling.hidden = isEmpty;
  }
  document.getElementById("nothing").hidden = findable.some((one) => !one.hidden);
}

function open() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
}

filter.addEventListener("input", show);
addEventListener("hashchange", open);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== filter) {
    event.preventDefault();
    filter.focus();
  }
});
open();
