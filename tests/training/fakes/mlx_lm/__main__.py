"""See the package."""

import json
import sys
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

assert sys.argv[1:3] == ["lora", "--config"]
config = yaml.safe_load(Path(sys.argv[3]).read_text())
data = Path(config["data"])
valid = [json.loads(line) for line in (data / "valid.jsonl").read_text().splitlines()]
assert len(valid) >= config["batch_size"], "mlx-lm does not start without as many rows to validate on"
assert config["mask_prompt"]

torch.manual_seed(config["seed"])
model = AutoModelForCausalLM.from_pretrained(config["model"]).requires_grad_(requires_grad=False)
tokenizer = PreTrainedTokenizerFast.from_pretrained(config["model"])
wanted, rank = config["lora_parameters"], config["lora_parameters"]["rank"]
adapter = {}
for name, layer in model.named_modules():
    if any(name.endswith(key) for key in wanted["keys"]):
        a = torch.randn(layer.in_features, rank).div_(layer.in_features**0.5).requires_grad_()
        b = torch.zeros(rank, layer.out_features).requires_grad_()
        adapter |= {f"{name}.lora_a": a, f"{name}.lora_b": b}
        layer.register_forward_hook(lambda _, x, y, a=a, b=b: y + wanted["scale"] * (x[0] @ a @ b))


def batch_of(row):
    whole = tokenizer.apply_chat_template(row["messages"], tokenize=False)
    before = tokenizer.apply_chat_template(row["messages"][:-1], tokenize=False, add_generation_prompt=True)
    tokens = tokenizer(whole, add_special_tokens=False)["input_ids"]
    asked = len(tokenizer(before, add_special_tokens=False)["input_ids"])
    return torch.tensor([tokens]), torch.tensor([[-100] * asked + tokens[asked:]])


rows = [batch_of(json.loads(line)) for line in (data / "train.jsonl").read_text().splitlines()]
optimiser = torch.optim.AdamW(adapter.values(), lr=config["learning_rate"])
for step in range(1, config["iters"] + 1):
    tokens, labels = rows[step % len(rows)]
    loss = model(input_ids=tokens, labels=labels).loss
    loss.backward()
    if step % config["grad_accumulation_steps"] == 0:
        optimiser.step()
        optimiser.zero_grad()
    if step % config["steps_per_report"] == 0:
        with (
            torch.no_grad()
        ):  # more than mlx-lm says: over all rows and after the step, so that a test can hold us to it
            whole = [(model(input_ids=t, labels=y).loss.item(), int((y >= 0).sum())) for t, y in rows]
        loss_of_all = sum(loss * count for loss, count in whole) / sum(count for _, count in whole)
        sys.stdout.write(f"Iter {step}: Train loss {loss_of_all:.3f}, Learning Rate {1e-2:.3e}, It/sec 1.000, …\n")

folder = Path(config["adapter_path"])
folder.mkdir()
save_file({name: tensor.detach().contiguous() for name, tensor in adapter.items()}, folder / "adapters.safetensors")
