element.addEventListener("change", (event) => {
  const input = event.target;
  if (input.type === "radio") {
    trigger("select", { index: Number(input.value) });
    return;
  }
  const file = input.files[0];
  if (!file) return;
  const clear = () => { input.value = ""; };
  const checked = element.querySelector("input[type=radio]:checked");
  if (checked) checked.checked = false;
  if (file.size > props.most_bytes) {
    trigger("upload", { bytes: file.size });
    clear();
    return;
  }
  const reader = new FileReader();
  reader.onload = () => { trigger("upload", { content: reader.result.split(",")[1] || "" }); clear(); };
  reader.readAsDataURL(file);
});
