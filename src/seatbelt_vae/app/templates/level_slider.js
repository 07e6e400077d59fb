let known = props.value.labels.join();
const show = () => {
  const range = element.querySelector("input");
  const label = props.value.labels[range.value] || "";
  range.setAttribute("aria-valuetext", label);
  element.querySelector("output").textContent = label;
  element.closest(".levels").dataset.shown = range.value;
};
element.addEventListener("input", show);
watch("value", () => {
  if (known !== props.value.labels.join()) {
    known = props.value.labels.join();
    element.querySelector("input").value = props.value.start;
  }
  show();
});
show();
