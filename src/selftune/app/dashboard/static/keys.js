// One key for one button, where a form says so and the person is in it; whoever types elsewhere is left alone.
document.addEventListener("keydown", (event) => {
  const form = document.activeElement?.closest("form.keyed");
  if (!form || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const button = form.querySelector(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (button) {
    event.preventDefault();
    button.click();
  }
});
