"""The demo as separate processes: what it promises, and what kill -9, lost notifications and Ctrl-C do to it."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

from system.running import RunningDemo, start_demo, wait_until


def check(folder: Path, *more: str) -> tuple[int, dict, str]:
    command = [sys.executable, "-m", "shunfu", "demo", "--check", "--port", "0", "--folder", str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_check_buys_once_and_prints_one_object_and_starts_again_on_the_kept_data(open_folder: Path) -> None:
    folder = open_folder / "check"
    code, report, _ = check(folder)
    assert code == 0, report
    assert list(report) == [
        "ok",
        "order_id",
        "payment_id",
        "state",
        "notification",
        "ledger",
        "failed_step",
        "seconds",
    ]
    assert report["ok"] is True
    assert report["state"] == "CAPTURED"
    assert report["notification"]["verified"] is True
    assert report["notification"]["id"].startswith("ntf_")
    assert report["notification"]["applied_ms"] >= 0
    assert report["ledger"] == {"transactions": 1, "entries": 2, "balanced": True}
    assert set(report["seconds"]) == {"setup", "paid"}
    code, again, _ = check(folder)
    assert (code, again["ok"]) == (0, True)
    assert again["ledger"]["transactions"] == 2, "the data was kept"
    for secret in ("keys.json", "merchant.json", "sandbox-credentials.json", "server.json", "shop.json"):
        assert stat.S_IMODE((folder / secret).stat().st_mode) == 0o600, secret


def test_a_failed_check_names_its_step_and_exits_1(open_folder: Path) -> None:
    folder = open_folder / "damaged"
    folder.mkdir(mode=0o755)
    (folder / "keys.json").write_text("{}")
    (folder / "keys.json").chmod(0o600)
    code, report, _ = check(folder)
    assert code == 1
    assert report["ok"] is False
    assert report["failed_step"] == "setup"
    assert "damaged" in report["detail"]


def test_info_is_what_a_tester_needs(demo: RunningDemo) -> None:
    assert set(demo.info) >= {"base_url", "api_key", "notification_urls", "control_url", "credentials"}
    assert demo.info["notification_urls"]["wechatpay"].startswith(
        demo.info["base_url"] + "/notifications/wechatpay/mer_"
    )
    assert demo.info["credentials"]["wechatpay"]["mchid"]
    assert demo.info["credentials"]["sandbox_side"]
    order_id, payment_id = demo.pending()
    assert demo.control("pay", {"channel": "wechatpay", "order_no": payment_id[4:]})[0] == 200
    wait_until(lambda: demo.is_paid(order_id), "the paid order")


def test_a_second_demo_in_the_same_folder_says_what_to_do(demo: RunningDemo) -> None:
    code, report, _ = check(demo.folder)
    assert code == 1
    assert "--folder" in report["detail"]


def test_with_every_notification_lost_a_paid_order_still_becomes_paid(demo: RunningDemo) -> None:
    assert demo.control("faults", {"lose": "always"})[0] == 200
    try:
        order_id, payment_id = demo.pending()
        demo.control("pay", {"channel": "wechatpay", "order_no": payment_id[4:]})
        wait_until(lambda: demo.is_paid(order_id), "the janitor's question", 30)
        _, payment = demo.api("GET", f"/v1/payments/{payment_id}")
        assert [line["door"] for line in payment["timeline"] if line["kind"] == "paid"] == ["query"]
    finally:
        demo.control("faults", {"lose": 0})


def test_a_killed_server_and_a_killed_database_come_back_and_lose_nothing(demo: RunningDemo) -> None:
    paid_order, paid_payment = demo.pending()
    demo.control("pay", {"channel": "wechatpay", "order_no": paid_payment[4:]})
    wait_until(lambda: demo.is_paid(paid_order), "the paid order")
    open_order, open_payment = demo.pending()
    for part in ("server", "postgres"):
        pid = demo.child(part)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: demo.is_paid(paid_order), f"the order after kill -9 of the {part}")
    demo.control("pay", {"channel": "wechatpay", "order_no": open_payment[4:]})
    wait_until(lambda: demo.is_paid(open_order), "a payment begun before the kills")


def test_ctrl_c_stops_every_process_and_exits_0(open_folder: Path) -> None:
    folder = open_folder / "ctrl-c"
    folder.mkdir(mode=0o755)
    demo = start_demo(folder)
    parts = [demo.child(name) for name in ("server", "sandbox", "shop", "postgres")]
    assert demo.stop(signal.SIGINT) == 0
    assert [pid for pid in parts if Path(f"/proc/{pid}").exists()] == []


def test_when_the_demo_itself_is_killed_its_processes_end_and_the_next_start_works(open_folder: Path) -> None:
    folder = open_folder / "killed"
    folder.mkdir(mode=0o755)
    demo = start_demo(folder)
    parts = [demo.child(name) for name in ("server", "sandbox", "shop", "postgres")]
    demo.stop(signal.SIGKILL)
    wait_until(lambda: not any(_is_alive(pid) for pid in parts), "the end of every process")
    assert check(demo.folder)[1]["ok"] is True


def _is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
