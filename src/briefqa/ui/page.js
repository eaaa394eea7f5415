// What the chat does in the browser: sources open in the panel, answers can be copied, menus close, the newest turn comes into view.
// Without it citations are plain links to the same pages.
(() => {
  const find = (selector) => document.querySelector(selector);
  const narrow = matchMedia("(max-width: 860px)");
  let opener = null; // what the slide-over was opened from; focus goes back there

  document.documentElement.lang = navigator.language;

  function openSource(link) {
    const frame = find("#bq-frame");
    const next = frame.cloneNode(); // a new frame: no step in the history, and a second click scrolls again
    next.src = link.href;
    next.style.colorScheme = document.body.classList.contains("dark") ? "dark" : "light";
    frame.replaceWith(next);
    find("#bq-open").href = link.href;
    document.querySelectorAll(".bq-current").forEach((old) => old.classList.remove("bq-current"));
    link.classList.add("bq-current");
    find("#bq-panel").classList.add("bq-shown");
    if (narrow.matches) {
      opener = link;
      find("#bq-close").focus();
    }
  }

  function closeSource() {
    find("#bq-panel").classList.remove("bq-shown");
    if (opener) opener.focus();
    opener = null;
  }

  async function copyAnswer(button) {
    const turn = button.closest(".bq-turn");
    const sources = [...turn.querySelectorAll(".bq-sources li")].map((item) => {
      const numbers = [...item.querySelectorAll(".bq-cite")].map((cite) => `[${cite.textContent}]`).join("");
      const link = item.querySelector(".bq-source");
      return `${numbers} ${link.textContent}, ${item.querySelector("time")?.textContent ?? ""} ${link.href}`;
    });
    const answer = turn.querySelector(".bq-answer").cloneNode(true);
    answer.querySelectorAll(".bq-cite").forEach((cite) => cite.replaceWith(` [${cite.textContent}]`));
    answer.querySelectorAll("th, td").forEach((cell) => cell.append("\t"));
    answer.querySelectorAll("p, li, tr").forEach((block) => block.append("\n"));
    const asked = [...turn.querySelectorAll(".bq-question, .bq-understood")].map((line) => line.textContent);
    await copyText([...asked, "", answer.textContent.trim(), "", ...sources].join("\n"));
    const words = button.textContent;
    button.textContent = find("#bq-header header").dataset.copied;
    setTimeout(() => (button.textContent = words), 1500);
  }

  async function copyText(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // plain http to another machine has no clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  function closeMenu(menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }

  function closeOtherMenus(event) {
    const own = event.target.closest(".bq-export");
    document.querySelectorAll(".bq-export[open]").forEach((menu) => (menu.open = menu === own));
  }

  document.addEventListener("click", (event) => {
    closeOtherMenus(event);
    const link = event.target.closest(".bq-cite, .bq-source");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && find("#bq-frame")) {
      event.preventDefault();
      openSource(link);
    } else if (event.target.closest("#bq-close")) {
      closeSource();
    } else if (event.target.closest(".bq-copy")) {
      copyAnswer(event.target.closest(".bq-copy"));
    } else if (event.target.closest(".bq-format")) {
      closeMenu(event.target.closest(".bq-export"));
    }
  });
  document.addEventListener("focusin", closeOtherMenus);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = find(".bq-export[open]");
    if (menu) {
      closeMenu(menu);
    } else if (find("#bq-panel.bq-shown")) {
      closeSource();
    }
  });

  let turns = 0;
  let height = 0;
  new MutationObserver(() => {
    const all = document.querySelectorAll(".bq-turn");
    const last = all[all.length - 1];
    const size = last ? last.offsetHeight : 0;
    if (last && (all.length > turns || size !== height)) last.scrollIntoView({ block: "start" });
    turns = all.length;
    height = size;
    const dark = document.body.classList.contains("dark");
    const frame = find("#bq-frame");
    if (frame && frame.style.colorScheme !== (dark ? "dark" : "light")) frame.style.colorScheme = dark ? "dark" : "light";
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
})();
