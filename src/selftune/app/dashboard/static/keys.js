// One key for one button or mark, where a form says so and the person is in it; whoever types elsewhere is left alone.
// A browser gives `autofocus` its due with the first picture: on a busy machine that is after the first key, which would be lost.
document.querySelector("form.keyed [autofocus]")?.focus();
document.addEventListener("keydown", (event) => {
  const form = document.activeElement?.closest("form.keyed");
  if (!form || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.matches("input:not([type=radio]), textarea, select")) return;
  const found = form.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (found) {
    event.preventDefault();
    found.focus();
    found.click();
  }
});
