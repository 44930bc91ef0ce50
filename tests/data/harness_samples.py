"""Small result files in the layouts of the LM evaluation harness, with invented scores.

The keys are those of published files; right answers and numbers of items decide the scores and their errors.
"""

import json
import math
from pathlib import Path

from bayes_scaling.data.harness_tasks import SUBJECTS


def share(right: int, items: int) -> tuple[float, float]:
    """Return a share and its standard error, as the harness computes it (deviation with n - 1)."""
    p = right / items
    return p, math.sqrt(p * (1 - p) / (items - 1))


def old(metric: str, right: int, items: int) -> dict:
    value, error = share(right, items)
    return {metric: value, f"{metric}_stderr": error}


def new(metric: str, right: int, items: int, answers: str = "none") -> dict:
    value, error = share(right, items)
    return {f"{metric},{answers}": value, f"{metric}_stderr,{answers}": error}


def version_3(
    tmp: Path, *, model: str = "lab/tiny-160m", revision: str = "", shots: int = 5, mmlu: bool = False
) -> Path:
    """Write a file of 0.3."""
    results = {
        "arc_challenge": old("acc", 234, 1172) | old("acc_norm", 293, 1172),
        "winogrande": old("acc", 650, 1267),
        "lambada_openai": {"ppl": 12.9, "ppl_stderr": 0.38} | old("acc", 2344, 5153),
        "hendrycksTest-anatomy": old("acc", 31, 135) | old("acc_norm", 29, 135),
        "wikitext": {"word_perplexity": 31.2, "byte_perplexity": 1.9},
    }
    if mmlu:
        results |= {f"hendrycksTest-{name}": old("acc", 25 + i % 3, 100 + i) for i, name in enumerate(SUBJECTS)}
    arguments = f"pretrained={model}" + (f",revision={revision}" if revision else "")
    content = {
        "results": results,
        "versions": dict.fromkeys(results, 0),
        "config": {
            "model": "hf-causal", "model_args": arguments, "num_fewshot": shots, "batch_size": 2, "device": "cuda:0",
            "no_cache": True, "limit": None, "bootstrap_iters": 100000, "description_dict": {},
        },
    }  # fmt: skip
    return written(tmp / f"{model.split('/')[-1]}_{revision or 'main'}_{shots}shot.json", content)


def version_4(
    tmp: Path, *, model: str = "lab/large-7b", limit: float | None = None, better: int = 0, samples: bool = True
) -> Path:
    """Write a file of 0.4, with groups."""
    counts = {
        "arc_challenge": 1172, "gsm8k": 1319, "truthfulqa_mc2": 817, "leaderboard_ifeval": 541,
        "mmlu_anatomy": 135, "mmlu_virology": 166, "mmlu_sociology": 201,
    }  # fmt: skip
    right = {"mmlu_anatomy": 60, "mmlu_virology": 70, "mmlu_sociology": 120}
    subjects = {name: {"alias": f"  - {name[5:]}"} | new("acc", right[name], counts[name]) for name in right}
    groups = {
        "mmlu": {"alias": "mmlu"} | new("acc", 250, 502),
        "mmlu_stem": {"alias": " - stem"} | new("acc", 130, 301),
        "mmlu_social_sciences": {"alias": " - social sciences"} | new("acc", 120, 201),
    }
    results = {
        "arc_challenge": {"alias": "arc_challenge", "sample_len": 1172}
        | new("acc", 500 + better, 1172) | new("acc_norm", 540 + better, 1172),
        "gsm8k": {"alias": "gsm8k"} | new("exact_match", 200, 1319, "strict-match")
        | new("exact_match", 230, 1319, "flexible-extract"),
        "truthfulqa_mc2": {"alias": "truthfulqa_mc2", "acc,none": 0.41234567, "acc_stderr,none": 0.0141},
        "leaderboard_ifeval": {"alias": "leaderboard_ifeval"} | new("prompt_level_strict_acc", 150, 541)
        | {"inst_level_strict_acc,none": 300 / 834, "inst_level_strict_acc_stderr,none": "N/A"},
        "wikitext": {"alias": "wikitext", "word_perplexity,none": 8.1, "word_perplexity_stderr,none": "N/A"},
    } | groups | subjects  # fmt: skip
    shots = dict.fromkeys(subjects, 5) | {"arc_challenge": 25, "gsm8k": 5, "leaderboard_ifeval": 0}
    content = {
        "results": results,
        "groups": groups,
        "group_subtasks": {
            "arc_challenge": [], "gsm8k": [], "mmlu": ["mmlu_stem", "mmlu_social_sciences"],
            "mmlu_stem": ["mmlu_anatomy", "mmlu_virology"], "mmlu_social_sciences": ["mmlu_sociology"],
        },
        "configs": {"truthfulqa_mc2": {"task": "truthfulqa_mc2", "num_fewshot": 0, "metadata": {"version": 2.0}}},
        "versions": {"arc_challenge": 1.0, "gsm8k": 3.0, "mmlu": 2, "truthfulqa_mc2": 2.0},
        "n-shot": shots,
        "higher_is_better": {"arc_challenge": {"acc": True, "acc_norm": True}},
        "n-samples": {name: {"original": n, "effective": n} for name, n in counts.items()} if samples else None,
        "config": {
            "model": "hf", "model_args": f"pretrained={model},dtype=bfloat16", "model_num_parameters": 7_241_732_096,
            "model_revision": "main", "batch_size": "8", "limit": limit, "random_seed": 0,
        },
        "git_hash": "8e1bd48d", "date": 1731655933.0, "lm_eval_version": "0.4.5", "model_source": "hf",
        "model_name": model, "model_name_sanitized": model.replace("/", "__"),
    }  # fmt: skip
    folder = tmp / model.replace("/", "__")
    folder.mkdir(parents=True, exist_ok=True)
    return written(folder / f"results_2024-11-15T0{better}-00-00.json", content)


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path
