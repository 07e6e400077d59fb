const show = () => {
  const range = element.querySelector("input");
  const label = props.value.labels[range.value] || "";
  range.setAttribute("aria-valuetext", label);
  element.querySelector("output").textContent = label;
  element.closest(".levels").dataset.shown = range.value;
};
element.addEventListener("input", show);
watch("value", show);
show();
