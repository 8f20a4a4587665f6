"""How many stages fit on a machine, and which take longest, by what this machine measured."""

import json

import pytest

from digits.pipeline.capacity import (
    DEFAULT_STAGE,
    DEFAULT_TRAINING,
    Cost,
    available_memory_bytes,
    count_fitting,
    read_cost,
    usable_cores,
)

MIB = 2**20


@pytest.fixture
def times(tmp_path):
    """A folder as timings, with what one run took."""
    (tmp_path / "torch").mkdir()
    measured = {"train_seconds": 579.3, "peak_memory_bytes": 900 * MIB, "seed": 0}
    (tmp_path / "torch/best.json").write_text(json.dumps(measured))
    return tmp_path


def test_a_training_costs_what_it_took_the_last_time(times):
    assert read_cost("train_torch@best", times) == Cost(579.3, 900 * MIB)


@pytest.mark.parametrize("stage", ["train_torch@new", "train_tf@best"])
def test_a_training_that_was_never_run_has_a_default(times, stage):
    assert read_cost(stage, times) == DEFAULT_TRAINING


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"train_seconds": null, "peak_memory_bytes": 1}']
)
def test_a_damaged_record_counts_as_none(times, text):
    (times / "torch/best.json").write_text(text)
    assert read_cost("train_torch@best", times) == DEFAULT_TRAINING


@pytest.mark.parametrize("stage", ["download", "evaluate@torch", "visualize"])
def test_other_stages_have_a_default(times, stage):
    assert read_cost(stage, times) == DEFAULT_STAGE


@pytest.mark.parametrize(
    ("jobs", "n_cores", "available", "expected"),
    [
        (2, 8, 8000 * MIB, 2),
        (9, 4, 8000 * MIB, 4),
        (9, 8, 2000 * MIB, 2),  # the largest takes 1000
        (9, 8, 1, 1),  # one always runs
    ],
)
def test_cores_and_memory_bound_the_jobs(jobs, n_cores, available, expected):
    costs = [Cost(1.0, 1000 * MIB), Cost(9.0, 10 * MIB)]
    assert count_fitting(jobs, costs, n_cores, available) == expected


def test_this_machine_has_a_core_and_memory():
    assert len(usable_cores()) >= 1
    assert available_memory_bytes() > MIB


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


def write_group(folder, names, limit, used, cache):
    """Write the files of a control group; sizes are in MiB."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(limit if limit == "max" else f"{limit * MIB}\n")
    (folder / names[1]).write_text(f"{used * MIB}\n")
    statistics = f"anon 1\ninactive_anon 7\n{names[2]} {cache * MIB}\nactive_file 9\n"
    (folder / "memory.stat").write_text(statistics)


@pytest.mark.parametrize(
    ("names", "base", "line"),
    [(V2, "", "0::/outer/inner"), (V1, "memory", "9:cpu,memory:/outer/inner")],
    ids=["v2", "v1"],
)
def test_the_tightest_group_counts_without_inactive_file_cache(tmp_path, names, base, line):
    membership = tmp_path / "cgroup"
    membership.write_text(f"12:pids:/elsewhere\n{line}\n")
    outer = tmp_path / base / "outer"
    write_group(outer / "inner", names, 3, 2, 1)
    write_group(outer, names, 10, 1, 0)
    assert available_memory_bytes(tmp_path, membership) == 2 * MIB  # 3 - 2 + 1
    write_group(outer, names, 10, 9, 0)
    assert available_memory_bytes(tmp_path, membership) == 1 * MIB


def test_groups_without_a_limit_leave_the_memory_of_the_machine(tmp_path):
    membership = tmp_path / "cgroup"
    membership.write_text("0::/outer\n")
    write_group(tmp_path / "outer", V2, "max", 9, 0)
    assert available_memory_bytes(tmp_path, membership) > 100 * MIB
    assert available_memory_bytes(tmp_path, tmp_path / "absent") > 100 * MIB
