// Before the first paint: the theme and the keyboard choice this browser remembers. Blocking on purpose, and tiny.
try {
  if (localStorage.theme) document.documentElement.dataset.theme = localStorage.theme;
  if (localStorage.keys === "off") document.documentElement.dataset.keys = "off";
} catch {}
