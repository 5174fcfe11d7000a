// The editor of the contract: line numbers that follow, the way to a problem, saving by key. Checking is the server's; without this file it is a button.
const $ = (s, r = document) => r.querySelector(s);
const form = $("#editor"), text = $("#text"), gutter = $(".ed-gutter");
let saved = text.value, leaving = false;

// --- the text is as tall as its lines, so that numbers and notes need no scrolling of their own ---
let lines = 0;
function number() {
  const now = text.value.split("\n").length;
  if (now === lines) return;
  lines = now;
  text.rows = now + 1;
  gutter.textContent = Array.from({length: now}, (_, i) => i + 1).join("\n") + "\n";
}
number();
text.addEventListener("input", number);

// --- from a note to its line, by click or F8 ---
function go(line, column) {
  const starts = [0];
  for (let at = text.value.indexOf("\n"); at >= 0; at = text.value.indexOf("\n", at + 1)) starts.push(at + 1);
  const start = starts[Math.min(line, starts.length) - 1] ?? 0, end = (starts[line] ?? text.value.length + 1) - 1;
  text.focus({preventScroll: true});
  const at = Math.min(start + Math.max(0, column - 1), end);
  text.setSelectionRange(at, at + /^[\w-]*/.exec(text.value.slice(at, end))[0].length);  // the word, so that typing replaces it and nothing else
  const top = text.getBoundingClientRect().top + (line - 1) * 20, pane = $("main");
  pane.scrollBy({top: top - pane.getBoundingClientRect().top - pane.clientHeight / 3});
}
const notes = () => [...document.querySelectorAll(".ed-notes li:not(.quiet) .ed-go")];
document.addEventListener("click", e => {
  const note = e.target.closest(".ed-go");
  if (note) go(Number(note.dataset.line), Number(note.dataset.column));
});
document.addEventListener("keydown", e => {
  if (e.key === "F8") {
    e.preventDefault();
    const here = text.value.slice(0, text.selectionStart).split("\n").length, all = notes();
    const next = e.shiftKey ? all.findLast(n => n.dataset.line < here) ?? all.at(-1) : all.find(n => n.dataset.line > here) ?? all[0];
    if (next) go(Number(next.dataset.line), Number(next.dataset.column));
  }
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "s") { e.preventDefault(); $("[data-save]", form).click(); }
});

// --- what the check found is said once it changed; nothing typed is lost by leaving without a word ---
let told = $("#ed-state")?.textContent.trim();
document.addEventListener("htmx:after:swap", () => {
  const now = $("#ed-state")?.textContent.trim(), live = $("#live");
  if (now && now !== told && live) { live.textContent = ""; setTimeout(() => { live.textContent = now; }, 30); }
  told = now;
});
form.addEventListener("submit", () => { leaving = true; });
addEventListener("beforeunload", e => { if (!leaving && text.value !== saved) e.preventDefault(); });
