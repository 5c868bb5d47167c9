"""``lmac-lab train``: short runs of a tiny model, from the command line on. Skipped where torch or matplotlib is missing."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import lmac
import numpy as np
import pytest

from conftest import LAB_IS_MISSING, needs_default_model
from tiny_model import TINY_MODEL

torch = pytest.importorskip("torch", reason=LAB_IS_MISSING)
pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)

from lmac import _core  # noqa: E402
from lmac.command_line.progress import CLEAR_LINE  # noqa: E402
from lmac.lab import cli  # noqa: E402
from lmac.lab.architecture import SIZES, Architecture  # noqa: E402
from lmac.lab.data import Source  # noqa: E402
from lmac.lab.export import export, model_file, read  # noqa: E402
from lmac.lab.mean import mean_of, network_of  # noqa: E402
from lmac.lab.model import MAX_SCORE, ExactTransformer, exact, saturate  # noqa: E402
from lmac.lab.progress import Progress  # noqa: E402
from lmac.lab.report import Report  # noqa: E402
from lmac.lab.resize import resized  # noqa: E402
from lmac.lab.settings import Settings  # noqa: E402
from lmac.lab.train import Training, validation_bits  # noqa: E402
from lmac.lab.train_command import worth_compiling  # noqa: E402

pytestmark = pytest.mark.lab
TINY = "--width 32 --layers 1 --heads 1 --head-dim 32 --hidden 32 --window 16 --context-rows-log2 6 --context-dim 8".split()
SHORT = "--batch 4 --sample-steps 64 --warmup-steps 20 --validations 2 --no-compile --device cpu --no-autocast".split()
FAST = "--matrix-rate 0.02 --other-rate 0.02 --table-rate 0.2".split()
LETTERS = b"abcdefgh" * 2000


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_bytes(LETTERS)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of a run on ``LETTERS``, with its checkpoint beside it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text").write_bytes(LETTERS)
    output = folder / "letters.onnx"
    assert cli.main(["train", str(folder / "text"), "-o", str(output), *TINY, *SHORT, *FAST, "--steps", "120"]) == 0
    return output


def copy(trained: Path, folder: Path) -> Path:
    for file in trained.parent.glob("letters.onnx*"):
        shutil.copy(file, folder)
    return folder / trained.name


def validations(report: str) -> list[float]:
    return [float(number) for number in re.findall(r"validation ([0-9.]+) bits per byte", report)]


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str], command: str = "train") -> str:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, *arguments])
    assert stop.value.code == 1
    return capsys.readouterr().err


def test_the_result_is_a_model_file_that_the_codec_runs_with_its_curve_beside_it(trained: Path) -> None:
    codec = lmac.Codec(trained, adaptive=False, threads=1)
    frame = codec.compress(LETTERS)
    assert len(frame) < len(LETTERS) // 20
    assert codec.decompress(frame) == LETTERS
    assert "<svg" in trained.with_suffix(".svg").read_text()


def test_the_report_says_what_is_used_and_how_long_it_takes(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", str(text), "-o", str(tmp_path / "model.onnx"), *TINY, *SHORT, "--steps", "4", "--minutes", "3"]
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    for part in ("14.4 kB in 1 document; validation: 1.6 kB", "begins from nothing", "multiply-adds per byte", "thread", "3 minutes or 4 steps", " kB/s"):
        assert part in captured.err
    assert len(validations(captured.err)) == 2


def test_a_run_continues_from_its_checkpoint(trained: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = copy(trained, tmp_path)
    assert cli.main(["train", str(text), "-o", str(output), "--resume", "--steps", "124"]) == 0
    report = capsys.readouterr().err
    assert "goes on at step 120, width 32" in report
    assert validations(report)[-1] < 0.3  # from nothing, four steps leave 8 bits


def test_a_checkpoint_is_restored_as_exactly_as_it_says(trained: Path) -> None:
    checkpoint = trained.with_name("letters.onnx.checkpoint")
    run = Training.resume(checkpoint, torch.device("cpu"), {"seed": 7})
    state = torch.load(checkpoint, weights_only=True)
    assert run.progress.step == 120
    assert (run.settings.seed, run.settings.batch, run.settings.steps) == (7, 4, 120)
    for name, parameter in run.model.named_parameters():
        assert torch.equal(parameter, state["model"][name].float())
    moments = run.optimizers[1].state_dict()["state"][0]["exp_avg"]
    assert torch.equal(moments, state["optimizers"][1]["state"][0]["exp_avg"].float())
    assert checkpoint.stat().st_size < 8 * sum(parameter.numel() for parameter in run.model.parameters()) + 30_000


def test_an_interrupted_run_leaves_a_model_and_can_be_resumed(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Training.step

    def interrupted_step(run: Training, *samples: Any) -> Any:
        if run.progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return step(run, *samples)

    monkeypatch.setattr(Training, "step", interrupted_step)
    output = tmp_path / "model.onnx"
    arguments = ["train", str(text), "-o", str(output), "--steps", "40"]
    assert cli.main([*arguments, *TINY, *SHORT]) == 130
    assert "--resume continues it" in capsys.readouterr().err
    assert lmac.Codec(output, threads=1).decompress(lmac.Codec(output, threads=1).compress(b"text")) == b"text"
    assert cli.main([*arguments, "--resume"]) == 0
    assert "goes on at step 6" in capsys.readouterr().err


def test_training_goes_on_from_a_model_file(trained: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", str(text), "-o", str(tmp_path / "more.onnx"), "--from", str(trained), *SHORT, "--steps", "2"]) == 0
    report = capsys.readouterr().err
    assert f"begins as {trained}" in report
    assert validations(report)[0] < 0.3  # the model that the run began with


def test_several_models_have_a_mean(trained: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors, architecture = read(trained)
    other = tmp_path / "other.onnx"
    export(tensors | {"layers.0.bias": np.add(tensors["layers.0.bias"], 2, dtype=np.int16)}, architecture, other)
    output = tmp_path / "mean.onnx"
    assert cli.main(["export", str(trained), str(other), "-o", str(output)]) == 0
    mean = read(output)[0]
    assert all(np.array_equal(mean[name], tensors[name]) for name in tensors if name != "layers.0.bias")
    assert np.array_equal(mean["layers.0.bias"], np.add(tensors["layers.0.bias"], 1, dtype=np.int16))

    checkpoint = f"{trained}.checkpoint"
    assert cli.main(["export", checkpoint, checkpoint, "-o", str(output)]) == 0
    last, renamed = tmp_path / "last.onnx", shutil.copy(checkpoint, tmp_path / "renamed")
    assert cli.main(["export", str(renamed), "-o", str(last)]) == 0
    assert output.read_bytes() == last.read_bytes()

    arguments = [str(text), "-o", str(tmp_path / "more.onnx"), *SHORT, "--steps", "2", "--from", str(trained)]
    assert "only models of the same architecture" in failure([*arguments, str(TINY_MODEL)], capsys)
    assert cli.main(["train", *arguments, checkpoint]) == 0
    report = capsys.readouterr().err
    assert f"begins as {trained} + {checkpoint}" in report
    assert validations(report)[0] < 0.3


def test_the_model_is_the_mean_over_the_last_steps_if_asked_for(tmp_path: Path) -> None:
    def step(run: Training) -> Any:
        run.step(torch.tensor([[256, 97]]), torch.tensor([[97, 98]]))
        return run.model.logits.weight.detach().clone()

    architecture, cpu = read(TINY_MODEL)[1], torch.device("cpu")
    settings = Settings(steps=50, warmup_steps=1, average=1.0, compile=False)
    run = Training(architecture, settings, cpu)
    assert run.result is run.model  # before the first step
    seen = [step(run) for _ in range(5)]
    assert torch.allclose(run.result.logits.weight, torch.stack(seen).mean(0))
    assert not torch.allclose(run.result.logits.weight, seen[-1])

    run.save(tmp_path / "checkpoint")
    again = Training.resume(tmp_path / "checkpoint", cpu, {})
    assert torch.equal(again.result.logits.weight, run.result.logits.weight)
    seen.append(step(again))
    assert torch.allclose(again.result.logits.weight, torch.stack(seen).mean(0))

    recent = Training(architecture, replace(settings, average=0.1), cpu)
    steps = [step(recent) for _ in range(50)]
    late, early = (torch.stack(part).mean(0) for part in (steps[-5:], steps[:5]))
    assert torch.dist(recent.result.logits.weight, late) < torch.dist(recent.result.logits.weight, early)


def test_the_result_is_never_worse_than_the_model_it_began_with(trained: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(np.random.default_rng(0).bytes(8000))
    letters = trained.parent / "text"
    output = tmp_path / "worse.onnx"
    arguments = ["train", str(noise), "--valid", str(letters), "-o", str(output), "--from", str(trained), *SHORT, *FAST]
    assert cli.main([*arguments, "--steps", "20"]) == 0
    assert output.read_bytes() == trained.read_bytes()


def test_a_run_that_no_longer_improves_ends(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(np.random.default_rng(0).bytes(8000))
    arguments = ["train", str(noise), "-o", str(tmp_path / "noise.onnx"), *TINY, *SHORT, *FAST, "--validations", "10", "--patience", "2"]
    assert cli.main([*arguments, "--steps", "400"]) == 0
    report = capsys.readouterr().err
    assert "validation no longer improves" in report.splitlines()[-3]
    assert len(validations(report)) < 10


def test_messages_are_documents_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "abcdefgh abcdefgh"}\n' * 200)
    assert cli.main(["train", str(lines), "--messages", "-o", str(tmp_path / "model.onnx"), *TINY, *SHORT, *FAST, "--steps", "60"]) == 0
    report = capsys.readouterr().err
    assert "in 180 messages; validation: 340 bytes" in report
    message = b"abcdefgh abcdefgh"
    assert len(lmac.Codec(tmp_path / "model.onnx", adaptive=False, threads=1).compress(message)) < len(message) + 16


@needs_default_model
def test_without_a_size_a_run_begins_as_the_model_inside_the_package(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lmac.lab.train_command.validate", lambda *arguments: None)
    monkeypatch.setattr("lmac.lab.train_command.train", lambda *arguments: False)
    assert cli.main(["train", str(text), "-o", str(tmp_path / "model.onnx")]) == 0
    report = capsys.readouterr().err
    assert "begins as default" in report
    assert "60 minutes or 28 steps" in report
    assert cli.main(["train", str(text), "-o", str(tmp_path / "model.onnx"), "--size", "default"]) == 0
    assert f"begins from nothing, width {read('default')[1].width}" in capsys.readouterr().err


def test_a_terminal_shows_one_live_line_and_anything_else_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress(step=50, seconds=10.0, bytes_seen=80_000)
    for live in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda live=live: live)
        monkeypatch.setattr("sys.stderr", stream)
        report = Report()
        assert report.due()
        report.step(progress, 0.25, 1.5)
        assert not report.due()
        report.say("done")
        line = "step 50: 25 %  80 kB  8.0 kB/s  1.500 bits per byte  30 s left"
        plain = "step 50: 25 %, 80 kB, 8.0 kB/s, 1.500 bits per byte, 30 s left"
        assert stream.getvalue() == (f"{CLEAR_LINE}{line}{CLEAR_LINE}done\n" if live else f"{plain}\ndone\n")


def test_the_step_is_compiled_only_where_the_run_is_longer_than_compiling() -> None:
    assert worth_compiling(Settings(minutes=10))
    assert worth_compiling(Settings(steps=1000))
    assert not worth_compiling(Settings(minutes=1))
    assert not worth_compiling(Settings(minutes=60, steps=100))


@pytest.mark.filterwarnings("ignore")  # those of torch's compiler, about itself
def test_a_compiled_step_learns_what_an_uncompiled_one_does() -> None:
    symbols = torch.arange(2 * 64).reshape(2, 64) % 256
    losses = []
    for compiled in (False, True):
        run = Training(read(TINY_MODEL)[1], Settings(steps=50, compile=compiled), torch.device("cpu"))
        losses.append([float(run.step(symbols, symbols)) for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)
    assert losses[0][2] < losses[0][0]


def test_the_learning_rate_rises_to_its_full_height_in_a_tenth_of_the_steps_and_falls_to_zero() -> None:
    run = Training(read(TINY_MODEL)[1], Settings(steps=50, compile=False), torch.device("cpu"))
    rates = []
    for _ in range(50):
        run.step(torch.full((1, 2), 256), torch.zeros((1, 2), dtype=torch.int64))
        rates.append(run.optimizers[0].param_groups[0]["lr"] / run.settings.matrix_rate)
    assert rates[0] == pytest.approx(1 / 5)
    assert max(rates) == pytest.approx(rates[4]) == pytest.approx(46 / 50)
    assert rates[-1] == pytest.approx(1 / 50)


@pytest.mark.parametrize("whole_documents", [False, True])
def test_the_executor_and_the_network_validate_alike(whole_documents: bool) -> None:
    tensors, architecture = read(TINY_MODEL)
    model = ExactTransformer(architecture)
    model.set_tensors(tensors)
    source = Source.of("text", [bytes(range(n % 256)) * 3 for n in range(1, 300, 20)])
    executor = _core.Executor(_core.Model(TINY_MODEL.read_bytes()))
    bits = [validation_bits(each, [source], torch.device("cpu"), whole_documents) for each in (model, executor)]
    assert bits[0] == pytest.approx(bits[1], abs=1e-5)


def test_sizes_are_in_order_of_their_cost() -> None:
    costs = [size.multiply_adds() for size in SIZES.values()]
    assert costs == sorted(costs)
    assert SIZES["large"] == Architecture()


def test_longer_context_tables_begin_as_the_same_function(trained: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = network_of(trained)
    longer = resized(network, context_rows_log2=8)
    assert longer.tensors()["context_tables"].shape == (8, 4 << 6, 4)
    symbols = np.frombuffer(b"abcdefghabc, hgfedcba 0123", np.uint8).astype(np.int64)[None]
    models = [model_file(each.tensors(), each.architecture) for each in (network, longer)]
    executors = [_core.Executor(_core.Model(model)) for model in models]
    for executor in executors:
        executor.start(1)
    before, after = (np.array(executor.advance(symbols)) for executor in executors)
    assert np.array_equal(before, after)

    output = tmp_path / "longer.onnx"
    arguments = [str(text), "-o", str(output), "--from", str(trained)]
    assert cli.main(["train", *arguments, *SHORT, "--steps", "2", "--context-rows-log2", "7"]) == 0
    assert read(output)[1].context_rows_log2 == 7
    assert "can only grow" in failure([*arguments, "--force", "--context-rows-log2", "5"], capsys)


def test_a_longer_window_keeps_the_biases_and_continues_them_and_a_shorter_one_cuts_them_off(
    trained: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = network_of(trained)
    old, new = network.blocks[0].bias, resized(network, window=64).blocks[0].bias
    assert torch.equal(new[:, :16], old)
    edge = old[:, 14:].mean(1)  # of an eighth of the window
    assert torch.allclose(new[:, 16], edge)
    assert torch.allclose(new[:, 32], edge - 1)  # twice as far: half the weight

    wide = tmp_path / "wide.onnx"
    assert cli.main(["export", str(trained), "--window", "64", "-o", str(wide)]) == 0
    assert read(wide)[1].window == 64
    codec = lmac.Codec(wide, adaptive=False, threads=1)
    assert codec.decompress(codec.compress(LETTERS)) == LETTERS
    assert mean_of([trained, wide]).architecture.window == 64
    assert "window 513 is not possible: it is from 1 to 512" in failure([str(trained), "--window", "513", "-o", str(wide)], capsys, "export")
    assert read(wide)[1].window == 64

    output = tmp_path / "longer.onnx"
    arguments = [str(text), "-o", str(output), "--from", str(trained)]
    assert cli.main(["train", *arguments, *SHORT, "--steps", "2", "--window", "24"]) == 0
    assert read(output)[1].window == 24
    shorter = resized(network, window=8)
    assert torch.equal(shorter.blocks[0].bias, old[:, :8])
    assert cli.main(["train", *arguments, *SHORT, "--steps", "2", "--force", "--window", "8"]) == 0
    assert read(output)[1].window == 8
    assert "2 windows for 1 layer" in failure([*arguments, "--force", "--window", "8,16"], capsys)


def test_a_window_of_its_own_for_every_layer(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = tmp_path / "one.onnx", tmp_path / "other.onnx"
    for output, window in zip(outputs, ("16,100", "30,8"), strict=True):
        assert cli.main(["train", str(text), "-o", str(output), *TINY, *SHORT, "--layers", "2", "--steps", "2", "--window", window]) == 0
    assert read(outputs[0])[1].windows == (16, 100)
    assert read(outputs[0])[0]["layers.1.bias"].shape == (1, 100)
    assert mean_of(outputs).architecture.windows == (30, 100)

    symbols = torch.randint(0, 256, (2, 150), generator=torch.Generator().manual_seed(0))
    network = network_of(outputs[0])
    executor = _core.Executor(_core.Model(outputs[0].read_bytes()))
    executor.start(2)
    with exact():
        assert np.array_equal(np.array(executor.advance(symbols.numpy())), network(symbols).numpy())

    mean = tmp_path / "mean.onnx"
    assert cli.main(["export", *map(str, outputs), "--window", "20,20", "-o", str(mean)]) == 0
    assert read(mean)[1].windows == (20, 20)
    assert "some differ in more than windows" in failure([str(outputs[0]), str(TINY_MODEL), "-o", str(mean)], capsys, "export")


def test_options_that_contradict_each_other_are_refused_at_once(text: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "model.onnx")
    assert "leave out --size --width" in failure([str(text), "-o", output, "--from", str(TINY_MODEL), "--size", "small", "--width", "64"], capsys)
    assert "nothing to resume" in failure([str(text), "-o", output, "--resume"], capsys)
    assert "--resume continues it, --force begins anew" in failure([str(text), "-o", str(trained)], capsys)
    assert "leave out --from" in failure([str(text), "-o", str(trained), "--resume", "--from", "default"], capsys)
    assert "call it model.onnx" in failure([str(text), "-o", str(tmp_path / "model")], capsys)
    assert "there is no folder" in failure([str(text), "-o", str(tmp_path / "missing" / "model.onnx")], capsys)
    assert "unknown model 'fastest'" in failure([str(text), "-o", output, "--from", "fastest"], capsys)
    assert "is no .onnx file" in failure([str(text), "-o", output, "--from", str(text)], capsys)
    assert "2 weights for 1 texts" in failure([str(text), "-o", output, "--weights", "1", "2"], capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--width 100", "width 100 is not possible: it is a multiple of 32, from 32 to 512"),
        ("--width -32", "width -32 is not possible"),
        ("--width 192", "4 heads of 64 do not make the width, 192: possible are 12 of 16, 6 of 32, 4 of 48, 3 of 64, 2 of 96"),
        ("--heads 3", "3 heads of 64 do not make the width, 256"),
        ("--layers 1000", "layers 1000 is not possible: it is from 1 to 64"),
        ("--hidden 50", "hidden 50 is not possible"),
        ("--window 2048", "window 2048 is not possible: it is from 1 to 512"),
        ("--window 8,16", "2 windows for 5 layers"),
        ("--from default --window 2048", "window 2048 is not possible: it is from 1 to 512"),
        ("--from default --context-rows-log2 99", "context_rows_log2 99 is not possible: it is from 1 to 24"),
        ("--from fast --context-rows-log2 3", "can only grow"),
        ("--context-rows-log2 24 --context-dim 512", "the model file would have 34.4 GB"),
        ("--contexts n99", "the order of a context is from 1 to 16, not 99"),
        ("--contexts n2 n3 n4 --context-dim 2", "3 contexts of 2 are 6 entries"),
        ("--batch 0", "--batch 0 is not possible: it is from 1 to 65,536"),
        ("--steps -1", "--steps -1 is not possible: it is 1 or more"),
        ("--minutes 0", "--minutes 0.0 is not possible"),
        ("--minutes nan", "--minutes nan is not possible"),
        ("--sample-steps 0", "--sample-steps 0 is not possible"),
        ("--warmup-steps 0", "--warmup-steps 0 is not possible"),
        ("--validations 0", "--validations 0 is not possible: it is 1 or more"),
        ("--matrix-rate -1", "--matrix-rate -1.0 is not possible: it is from 0 to 10"),
        ("--average 2", "--average 2.0 is not possible: it is from 0 to 1"),
        ("--seed -1", "--seed -1 is not possible: it is from 0 to 4,294,967,295"),
        ("--weights 0", "none is negative, and one at least is more than 0"),
        ("--weights nan", "none is negative"),
    ],
)
def test_the_impossible_is_refused_before_the_text_is_read(options: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "model.onnx"
    assert words in failure([str(tmp_path / "no such text"), "-o", str(output), "--device", "cpu", *options.split()], capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_shape_that_the_memory_does_not_hold_is_refused(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmac.lab.train_command.memory_bytes", lambda: 4_000_000_000)
    arguments = [str(text), "-o", str(tmp_path / "model.onnx"), "--device", "cpu", "--context-rows-log2", "20"]
    assert "takes more than 4.36 GB of memory, and 4 GB are there" in failure([*arguments, "--size", "large"], capsys)
    assert "of memory, and 4 GB are there" in failure([*arguments[:-1], "21", "--from", "fast"], capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--contexts x4", "'x4' is no context: n and a number of bytes, or w and a number of words"),
        ("--contexts n", "'n' is no context"),
        ("--window 8,", "'8,' is no window: a number of bytes, 128 for all layers, or 128,512 for each of two"),
    ],
)
def test_an_option_of_another_form_is_refused_in_words(options: str, words: str, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", str(text), "-o", "model.onnx", *options.split()])
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


def test_missing_text_is_an_error_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert "no training text" in failure([str(tmp_path / "empty"), "-o", str(tmp_path / "model.onnx"), *TINY], capsys)
    assert "No such file" in failure([str(tmp_path / "none"), "-o", str(tmp_path / "model.onnx"), *TINY], capsys)


def test_the_last_state_of_a_checkpoint_can_be_exported(trained: Path, tmp_path: Path) -> None:
    output = tmp_path / "last.onnx"
    assert cli.main(["export", str(trained) + ".checkpoint", "-o", str(output)]) == 0
    assert len(lmac.Codec(output, adaptive=False, threads=1).compress(LETTERS)) < len(LETTERS) // 20


def test_a_mean_counts_each_model_by_its_weight(trained: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, output = tmp_path / "other.onnx", tmp_path / "mean.onnx"
    assert cli.main(["train", str(text), "-o", str(other), "--from", str(trained), *SHORT, *FAST, "--steps", "2", "--seed", "1"]) == 0
    states = [network_of(source).state_dict() for source in (trained, f"{other}.checkpoint")]
    mean = mean_of([trained, f"{other}.checkpoint"], [3, 1]).state_dict()
    assert all(torch.allclose(mean[name], 0.75 * first + 0.25 * states[1][name], atol=1e-6) for name, first in states[0].items())

    assert cli.main(["export", str(trained), f"{other}.checkpoint", "--weights", "1", "0", "-o", str(output)]) == 0
    assert output.read_bytes() == trained.read_bytes()
    assert "2 models need as many weights" in failure([str(trained), str(other), "--weights", "1", "-o", str(output)], capsys, "export")


def test_what_has_left_its_range_gets_the_gradients_that_lead_back() -> None:
    x = torch.tensor([-3.0, -3.0, 0.0, 9.0, 9.0], requires_grad=True)
    saturate(x, -2, 5).backward(torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]))  # descent moves against the gradient
    assert x.grad is not None
    assert x.grad.tolist() == [0, -1, 1, 1, 0]


def test_scores_that_have_grown_too_large_are_clipped_after_a_step() -> None:
    architecture = Architecture(width=32, layers=2, heads=1, head_dim=32, hidden=32, window=16, context_rows_log2=6, score_shift=5)
    still = Settings(steps=100, compile=False, matrix_rate=0, other_rate=0, table_rate=0)  # nothing else moves the parameters
    run = Training(architecture, still, torch.device("cpu"))
    first, second = run.model.blocks
    with torch.no_grad():
        first.qkv.weight.mul_(10)
    before = second.qkv.weight.clone()
    symbols = torch.randint(0, 256, (4, 100))
    for _ in range(8):  # more than once, since queries and keys that are clipped themselves stay where they are at first
        run.step(symbols, symbols)
    with exact():
        run.model(symbols)
    assert 0.9 * MAX_SCORE < first.largest_score <= MAX_SCORE * 1.02
    assert torch.equal(second.qkv.weight, before)
