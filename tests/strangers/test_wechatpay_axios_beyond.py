"""wechatpay-axios-plugin beyond single payments: bills, combined orders, sharing, transfers; in both key modes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox_process import wait_until
from shunfu.gateway.sandbox.values import BEIJING
from strangers.shop import PAYER, Shop, numbers
from strangers.stranger import needs_node

pytestmark = needs_node


# --- bills


def wait_for_the_bill(shop: Shop, moment: str) -> str:
    """Let it be the next day, half past ten; the day of this moment."""
    paid_at = datetime.fromisoformat(moment)
    ready_at = datetime.combine(paid_at.date() + timedelta(days=1), datetime.min.time(), paid_at.tzinfo)
    shop.advance((ready_at + timedelta(hours=10.5) - paid_at).total_seconds())
    return paid_at.date().isoformat()


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal())


def test_bills_are_downloaded_hashed_and_read(shop: Shop) -> None:
    """A payment and a part of it back; the next day both bills tell of it, packed or not, and add up."""
    paid = shop.paid(10_000)
    number, transaction_id = paid["out_trade_no"], paid["transaction_id"]
    refund_number = shop.refund(paid, 3000)["out_refund_no"]
    shop.advance(1200)
    wait_until(lambda: shop.query_refund(refund_number)["status"] == "SUCCESS")
    day = wait_for_the_bill(shop, paid["success_time"])
    plain = shop.client.ask("bill", "tradebill", {"bill_date": day, "bill_type": "ALL"})
    packed = shop.client.ask("bill", "tradebill", {"bill_date": day, "bill_type": "ALL", "tar_type": "GZIP"})
    assert plain["rows"] == packed["rows"]
    for bill in (plain, packed):
        assert (bill["asked"]["hash_type"], bill["asked"]["hash_value"].lower()) == ("SHA1", bill["sha1"])
        assert bill["first"] == "efbbbf"
        assert bill["asked"]["download_url"].startswith(shop.running.base_url)
    ours = {row["交易状态"]: row for row in plain["rows"] if row["商户订单号"] == number}
    assert list(ours) == ["SUCCESS", "REFUND"]
    assert (ours["SUCCESS"]["微信订单号"], ours["SUCCESS"]["订单金额"]) == (transaction_id, "100.00")
    assert (ours["REFUND"]["商户退款单号"], ours["REFUND"]["退款金额"]) == (refund_number, "30.00")
    summary = plain["summary"]
    assert Decimal(summary["总交易单数"]) == len(plain["rows"])
    assert Decimal(summary["订单总金额"]) == total(plain["rows"], "订单金额")
    assert Decimal(summary["退款总金额"]) == total(plain["rows"], "退款金额")
    funds = shop.client.ask("bill", "fundflowbill", {"bill_date": day})
    assert funds["asked"]["hash_value"].lower() == funds["sha1"]
    assert transaction_id in {row["微信支付业务单号"] for row in funds["rows"]}
    incomes = [row for row in funds["rows"] if row["收支类型"] == "收入"]
    assert Decimal(funds["summary"]["收入金额"]) == total(incomes, "收支金额(元)")


def test_a_day_without_trades_has_no_bill(shop: Shop) -> None:
    day = datetime.now(BEIJING).date() - timedelta(days=10)
    told = shop.client.complaint("get", "v3.bill.tradebill", {"params": {"bill_date": day.isoformat()}})
    assert (told["status"], told["data"]["code"]) == (400, "NO_STATEMENT_EXIST")


# --- combined orders


def test_combined_orders_are_placed_paid_and_notified_as_one(shop: Shop) -> None:
    number, parts = f"combine-{next(numbers):06d}", [f"part-{next(numbers):06d}" for _ in range(2)]
    body: dict[str, object] = {
        "combine_appid": shop.appid,
        "combine_mchid": shop.mchid,
        "combine_out_trade_no": number,
        "notify_url": shop.catcher.notify_url,
        "combine_payer_info": {"openid": PAYER},
        "sub_orders": [
            {
                "mchid": shop.mchid,
                "attach": "深圳分店",
                "amount": {"total_amount": 50 + at, "currency": "CNY"},
                "out_trade_no": part,
                "description": "腾讯充值中心-QQ会员充值",
            }
            for at, part in enumerate(parts)
        ],
    }
    placed = shop.client.ask("post", "v3.combineTransactions.jsapi", body)
    assert (placed["status"], list(placed["data"])) == (200, ["prepay_id"])
    assert shop.running.control("POST", "pay", {"channel": "wechatpay", "order_no": number})[0] == 200
    told = shop.read()
    assert told["isGenuine"]
    found = {part["out_trade_no"]: part["amount"]["total_amount"] for part in told["resource"]["sub_orders"]}
    assert found == {parts[0]: 50, parts[1]: 51}
    where = {"number": number}
    asked = shop.client.ask("get", "v3.combineTransactions.outTradeNo.$number$", where)["data"]
    assert {part["trade_state"] for part in asked["sub_orders"]} == {"SUCCESS"}


# --- profit sharing


def receiver(shop: Shop, account: str) -> dict[str, Any]:
    told = {"type": "MERCHANT_ID", "account": account, "name": shop.client.ask("encrypt", "深圳市顺付科技有限公司")}
    body = {"appid": shop.appid, **told, "relation_type": "SUPPLIER"}
    assert shop.client.ask("post", "v3.profitsharing.receivers.add", body)["status"] == 200
    return told


def test_profit_is_shared_and_the_rest_unfrozen(shop: Shop) -> None:
    number, _ = shop.order("jsapi", 10_000, settle_info={"profit_sharing": True})
    shop.running.control("POST", "pay", {"channel": "wechatpay", "order_no": number})
    transaction_id = shop.query(number)["transaction_id"]
    share = {**receiver(shop, "86693852"), "amount": 1000, "description": "分给供应商"}
    shop.advance(120)
    out_order_no = f"share-{next(numbers):06d}"
    body = {"appid": shop.appid, "transaction_id": transaction_id, "out_order_no": out_order_no}
    taken = shop.client.ask(
        "post", "v3.profitsharing.orders", {**body, "receivers": [share], "unfreeze_unsplit": False}
    )
    assert (taken["status"], taken["data"]["out_order_no"]) == (200, out_order_no)
    shop.advance(120)
    where = {"number": out_order_no, "params": {"transaction_id": transaction_id}}
    asked = shop.client.ask("get", "v3.profitsharing.orders.$number$", where)["data"]
    assert asked["state"] == "FINISHED"
    assert {one["account"]: (one["amount"], one["result"]) for one in asked["receivers"]}["86693852"] == (
        1000,
        "SUCCESS",
    )
    rest = {"transaction_id": transaction_id, "out_order_no": f"{out_order_no}-rest", "description": "解冻全部剩余资金"}
    assert shop.client.ask("post", "v3.profitsharing.orders.unfreeze", rest)["status"] == 200


def test_a_name_encrypted_with_another_key_is_refused(shop: Shop) -> None:
    body = {
        "appid": shop.appid,
        "type": "MERCHANT_ID",
        "account": "86693853",
        "name": "c2VjcmV0",
        "relation_type": "STORE",
    }
    told = shop.client.complaint("post", "v3.profitsharing.receivers.add", body)
    assert (told["status"], told["data"]["code"]) == (400, "PARAM_ERROR")


# --- transfers to a shopper


def test_a_transfer_waits_for_the_shopper(shop: Shop) -> None:
    shop.paid(50_000)
    number = f"transfer{next(numbers):06d}"
    body = {
        "appid": shop.appid,
        "out_bill_no": number,
        "transfer_scene_id": "1000",
        "openid": PAYER,
        "user_name": shop.client.ask("encrypt", "张三"),
        "transfer_amount": 4000,
        "transfer_remark": "新会员开通有礼",
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "新会员有礼"},
            {"info_type": "奖励说明", "info_content": "注册会员抽奖一等奖"},
        ],
    }
    taken = shop.client.ask("post", "v3.fundApp.mchTransfer.transferBills", body)["data"]
    assert (taken["out_bill_no"], taken["state"]) == (number, "WAIT_USER_CONFIRM")
    assert taken["package_info"]
    chain = "v3.fundApp.mchTransfer.transferBills.outBillNo.$number$"
    asked = shop.client.ask("get", chain, {"number": number})["data"]
    assert (asked["transfer_bill_no"], asked["transfer_amount"]) == (taken["transfer_bill_no"], 4000)
    stopped = shop.client.ask("post", f"{chain}.cancel", {}, {"number": number})["data"]
    assert stopped["state"] in {"CANCELING", "CANCELLED"}
