// Everything the pages need beyond htmx: countdowns, keyboard, live announcements, theme, the stream's state. No build step.
const $ = (s, r = document) => r.querySelector(s);
const $$ = (s, r = document) => [...r.querySelectorAll(s)];
const root = document.documentElement;
const serverNow = Number($("meta[name=server-now]")?.content || 0);
const skew = serverNow ? Date.now() / 1000 - serverNow : 0;

// --- countdowns: one ticker for the page. The text is rendered by the server first, so it reads without this file. ---
const pad = n => String(n).padStart(2, "0");
function human(seconds) {
  const a = Math.abs(Math.trunc(seconds)), d = Math.trunc(a / 86400), h = Math.trunc(a / 3600) % 24, m = Math.trunc(a / 60) % 60;
  return d ? `${d}d ${h}h` : h ? `${h}h ${pad(m)}m` : `${m}:${pad(a % 60)}`;
}
const told = new Set();
let started = false;
function tick() {
  const now = Date.now() / 1000 - skew;
  for (const el of $$("[data-due]")) {
    const left = el.dataset.due - now, frac = Math.max(0, Math.min(1, left / el.dataset.span));
    const state = left < 0 ? "late" : left < 900 ? "soon" : "ok";
    const text = left < 0 ? `${human(left)} late` : human(left), out = $(".t", el) || el;
    if (out.textContent !== text) out.textContent = text;
    if (el.dataset.state !== state) el.dataset.state = state;
    el.style.setProperty("--frac", frac.toFixed(3));
    if (el.dataset.name && (left < 0 || left < 300)) {
      const key = el.dataset.name + (left < 0 ? "late" : "five");
      if (!told.has(key)) { told.add(key); if (started) say(`${el.dataset.name}: ${left < 0 ? "first touch is late" : "due in five minutes"}`); }
    }
  }
  started = true;
}
function say(words) {
  const region = $("#live");
  if (region) { region.textContent = ""; setTimeout(() => { region.textContent = words; }, 30); }
}
setInterval(tick, 1000);
tick();

// --- keyboard: single letters, off inside fields and dialogs, and off altogether for those who wish ---
const rows = () => $$(".q-row").filter(r => r.offsetParent);
function step(d) {
  const list = rows(), i = list.findIndex(r => r.getAttribute("aria-current") === "true");
  const next = list[Math.max(0, Math.min(list.length - 1, i + d))];
  if (next) { next.focus({preventScroll: true}); next.scrollIntoView({block: "nearest"}); if (next !== list[i]) next.click(); }
}
let pending = "";
const places = {q: "/queue", b: "/board", s: "/scoreboard", c: "/contract"};
function openMenu(button) {
  const menu = document.getElementById(button.getAttribute("popovertarget"));
  if (menu && !menu.matches(":popover-open")) button.click();  // the button itself opens it, so that the menu stands beside it
  $("button", menu)?.focus();
}
document.addEventListener("keydown", e => {
  if (e.defaultPrevented) return;
  if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === "k") { e.preventDefault(); return $("#palette")?.showModal(); }
  if (e.metaKey || e.ctrlKey || e.altKey || root.dataset.keys === "off") return;
  if (e.target.closest("input, textarea, select, [contenteditable]") || $("dialog[open]")) return;
  if (e.target.closest("[popover]") && /^[1-9]$|^Arrow/.test(e.key)) return;
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (pending === "g" && places[key]) { pending = ""; location.href = places[key]; return; }
  pending = key === "g" ? "g" : "";
  if (key === "j" || key === "k") { e.preventDefault(); return step(key === "j" ? 1 : -1); }
  if (key === "?") { e.preventDefault(); return $("#keys")?.showModal(); }
  if (key === "/") { const field = $("[data-filter]"); if (field) { e.preventDefault(); field.focus(); } return; }
  const button = $$(`[data-key="${CSS.escape(key)}"]`).find(b => !b.disabled && b.offsetParent);
  if (button) { e.preventDefault(); button.matches("[popovertarget]") ? openMenu(button) : button.click(); }
});
document.addEventListener("keydown", e => {
  const menu = e.target.closest(".menu");
  if (!menu) return;
  const items = $$("button, a", menu).filter(b => b.offsetParent), i = items.indexOf(document.activeElement);
  if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    e.preventDefault();
    items[(i + (e.key === "ArrowDown" ? 1 : items.length - 1)) % items.length]?.focus();
  }
  const n = Number(e.key);
  if (n && items[n - 1] && !e.target.closest("input, textarea")) { e.preventDefault(); items[n - 1].click(); }
});

// --- the palette: every page of the navigation by its name; down goes into the list, Enter takes its first entry ---
const field = $("#pq"), jumps = $("#palette .pages");
for (const a of jumps ? $$("#rooms li a") : []) {
  if ($(`a[href="${a.getAttribute("href")}"]`, jumps)) continue;
  const item = document.createElement("li"), link = document.createElement("a");
  link.className = "mi"; link.href = a.getAttribute("href"); link.append($("svg", a).cloneNode(true), $("span", a).textContent);
  item.append(link); item.hidden = true; item.dataset.more = ""; jumps.append(item);
}
let entered = "";
const asked = () => field.value.trim().slice(0, 100);
function first() { return $$("#palette .menu a").find(a => a.offsetParent); }
field?.addEventListener("input", () => {
  const words = asked().toLowerCase();
  entered = "";
  for (const li of jumps.children) li.hidden = words ? !li.textContent.toLowerCase().includes(words) : "more" in li.dataset;
});
field?.addEventListener("keydown", e => {
  if (e.key === "ArrowDown") { e.preventDefault(); first()?.focus(); }
  if (e.key !== "Enter" || !asked()) return;
  e.preventDefault();
  // What is listed may still be what was asked for a letter ago.
  if (asked().length > 1 && $("#found [data-words]")?.dataset.words !== asked()) entered = asked(); else first()?.click();
});
document.addEventListener("htmx:after:swap", () => { if (entered && $("#found [data-words]")?.dataset.words === entered) { entered = ""; first()?.click(); } });

// --- clicks ---
document.addEventListener("click", e => {
  const row = e.target.closest(".q-row");
  if (row && !(e.metaKey || e.ctrlKey || e.shiftKey)) { rows().forEach(r => r.removeAttribute("aria-current")); row.setAttribute("aria-current", "true"); $(".app").dataset.view = "lead"; }
  const opener = e.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open)?.showModal();
  const nav = e.target.closest("[data-nav]");
  if (nav) step(Number(nav.dataset.nav));
  if (e.target.closest("[data-theme-toggle]")) {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.theme = root.dataset.theme; } catch {}
  }
  const chip = e.target.closest("[data-reassign]");
  if (chip && $("#reassign")) { e.preventDefault(); openReassign(chip); }
  const needsNote = e.target.closest("button[data-note]");
  if (needsNote) {
    const note = $("input[name=note]", needsNote.form);
    if (note && !note.value.trim()) { e.preventDefault(); e.stopPropagation(); note.required = true; note.focus(); say("This reason needs a note. Write it, then choose the reason again."); }
  }
}, true);
document.addEventListener("change", e => {
  if (!e.target.matches("[data-keys-toggle]")) return;
  root.dataset.keys = e.target.checked ? "on" : "off";
  try { localStorage.keys = root.dataset.keys; } catch {}
});
function openReassign(chip) {
  const dialog = $("#reassign"), form = $("form[data-action]", dialog);
  form.action = form.dataset.action.replace("ID", encodeURIComponent(chip.dataset.reassign));
  form.setAttribute("hx-post", form.action);
  window.htmx?.process(form);
  $("[data-lead]", dialog).textContent = chip.dataset.lead;
  for (const option of $$("input[name=to]", dialog)) { option.checked = false; option.disabled = option.value === chip.dataset.owner; }
  dialog.showModal();
}

// --- filter, kept in the field alone: rows that morph carry no state ---
function filter() {
  const field = $("[data-filter]");
  if (!field) return;
  const words = field.value.toLowerCase();
  for (const r of $$(field.dataset.filter)) r.hidden = words !== "" && !r.textContent.toLowerCase().includes(words);
  for (const g of $$(".q-group")) g.hidden = !$$("li", g).some(r => !r.hidden);
}
document.addEventListener("input", e => {
  if (!e.target.closest("[data-filter]")) return;
  filter();
  say(`${$$(e.target.dataset.filter).filter(r => !r.hidden).length} shown`);
});

// --- wide tables on phones: each cell learns its heading, and keeps its part in the table when the style sheet makes it a block ---
for (const table of $$("table.stack")) {
  const heads = $$("thead tr:last-child > *", table).map(h => h.textContent.trim());
  for (const row of $$("tr", table)) {
    row.setAttribute("role", "row");
    let column = 0;
    for (const cell of row.children) {
      cell.setAttribute("role", cell.tagName === "TD" ? "cell" : cell.scope === "row" ? "rowheader" : "columnheader");
      if (cell.tagName === "TD" && cell.colSpan === 1) cell.dataset.label = heads[column] ?? "";
      column += cell.colSpan;
    }
  }
  table.setAttribute("role", "table");
  for (const part of $$("thead, tbody", table)) part.setAttribute("role", "rowgroup");
  table.classList.add("labelled");
}

// --- after swaps, and what the connection is like ---
document.addEventListener("htmx:after:swap", () => { tick(); filter(); fade(); marked(); });
// The list is refreshed by the stream; which row is open is known from the address, or from the brief where the address names none.
function marked() {
  const open = location.pathname === "/queue" ? $("#brief .brief")?.dataset.of : location.pathname.split("/").pop();
  for (const r of rows()) {
    if (open && r.parentElement.id === `row-${open}`) r.setAttribute("aria-current", "true"); else r.removeAttribute("aria-current");
  }
}
document.addEventListener("htmx:after:history:push", marked);
function toast(words) {
  const box = document.createElement("div"), text = document.createElement("span");
  box.className = "toast"; text.textContent = words; box.append(text);
  $("#toasts")?.replaceChildren(box);
  fade();
}
let fading;
function fade() {
  const shown = $("#toasts .toast");
  if (!shown || shown.dataset.timed) return;
  shown.dataset.timed = "1";
  clearTimeout(fading);
  const go = () => { if (shown.matches(":hover, :focus-within")) fading = setTimeout(go, 2000); else shown.remove(); };
  fading = setTimeout(go, 8000);
}
document.addEventListener("htmx:error", e => {
  if (!e.target.closest?.("[data-stream]")) return toast("Could not reach the server. Your last action was not saved.");
  live(false);
  again(e.target);
});
document.addEventListener("htmx:response:error", e => {
  if ((e.detail?.ctx?.response?.status ?? 0) < 500) return;
  if (!e.target.closest?.("[data-stream]")) return toast("The server could not do this. Nothing was saved; try again in a moment.");
  live(false);
  again(e.target);
});
// The extension reconnects a stream that was open once; one that never opened is asked for here.
let asking;
function again(stream) {
  clearTimeout(asking);
  asking = setTimeout(() => { if (stream.isConnected && !stream._htmx?.sse) htmx.ajax("GET", stream.getAttribute("hx-sse:connect"), {source: stream}); }, 2000);
}
document.addEventListener("submit", e => { e.target.closest("dialog")?.close(); });
document.addEventListener("htmx:after:request", e => { if (e.detail?.ctx?.response?.status < 400) e.target.closest?.("[popover]")?.hidePopover?.(); });

// The stream is closed while the tab is hidden (browsers allow six connections a host). Back again, or reconnected after a
// loss, the page may have missed events: every live region asks once for what holds now.
let connections = 0;
function live(on) { root.dataset.live = on ? "on" : "off"; }
document.addEventListener("htmx:sse:after:connection", () => {
  live(true);
  if (connections++) document.body.dispatchEvent(new CustomEvent("resync"));
});
document.addEventListener("htmx:sse:error", () => live(false));
addEventListener("offline", () => live(false));
addEventListener("online", () => { if ($("[data-stream]")?._htmx?.sse?.reader) { live(true); document.body.dispatchEvent(new CustomEvent("resync")); } });
addEventListener("pageshow", e => { if (e.persisted) document.body.dispatchEvent(new CustomEvent("resync")); });
