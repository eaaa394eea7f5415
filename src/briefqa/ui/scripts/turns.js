// Turns: an answer is copied with its sources, and a new question comes into view.
(() => {
  const { find, copyText } = briefqa;

  function copyAnswer(button) {
    const turn = button.closest(".bq-turn");
    const sources = [...turn.querySelectorAll(":scope > .bq-sources li")].map((item) => {
      const numbers = [...item.querySelectorAll(".bq-cite")].map((cite) => `[${cite.textContent}]`).join("");
      const link = item.querySelector(".bq-source");
      return `${numbers} ${link.textContent}, ${item.querySelector("time")?.textContent ?? ""} ${link.href}`;
    });
    const answer = turn.querySelector(".bq-answer").cloneNode(true);
    answer.querySelectorAll(".bq-cite").forEach((cite) => cite.replaceWith(` [${cite.textContent}]`));
    answer.querySelectorAll("th, td").forEach((cell) => cell.append("\t"));
    answer.querySelectorAll("p, li, tr").forEach((block) => block.append("\n"));
    const asked = [...turn.querySelectorAll(".bq-question, .bq-understood")].map((line) => line.textContent);
    copyText([...asked, "", answer.textContent.trim(), "", ...sources].join("\n"), button);
  }

  document.addEventListener("click", (event) => {
    const copy = event.target.closest(".bq-copy");
    if (copy) copyAnswer(copy);
  });

  let shown = "";
  new MutationObserver(() => {
    const last = find("#bq-now .bq-turn");
    const turn = last?.dataset.turn ?? "";
    if (turn && turn !== shown) last.scrollIntoView({ block: "start" });
    shown = turn;
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
