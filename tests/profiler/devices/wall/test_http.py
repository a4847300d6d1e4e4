"""Meters that answer over HTTP: the forms that are understood, and every way not to answer."""

import base64
import json
import time

import pytest

from profiler.devices.wall import http
from profiler.devices.wall.http import HttpMeter, wall_row
from profiler.devices.wall.source import WallError, WallRow

SHELLY_SWITCH = (
    '{"id":0,"source":"WS_in","output":true,"apower":4.1,"voltage":242.5,"current":0.033,"aenergy":{"total":18.015},'
    '"temperature":{"tC":30.3,"tF":86.5}}'
)
"""As a user recorded it of a Shelly of the second generation."""

SHELLY_STATUS = (
    '{"ble":{},"cloud":{"connected":true},"input:0":{"id":0,"state":false},"switch:0":{"id":0,"source":"HTTP",'
    '"output":false,"apower":47.11,"voltage":232.0,"current":0.0,"pf":0.0,"aenergy":{"total":5.125,"by_minute":'
    '[0.0,0.0,0.0],"minute_ts":1675718520},"temperature":{"tC":25.3,"tF":77.5}},"sys":{"unixtime":1675718522}}'
)
"""The whole status of a Shelly Pro 1PM, shortened."""

TASMOTA = (
    '{"StatusSNS":{"Time":"2019-09-06T20:06:19","ENERGY":{"TotalStartTime":"2019-08-18T11:07:55","Total":0.003,'
    '"Yesterday":0.000,"Today":0.003,"Power":26,"ApparentPower":25,"ReactivePower":25,"Factor":0.06,"Voltage":239,'
    '"Current":0.106}}}'
)
"""As a user recorded it of a plug with Tasmota."""


@pytest.mark.parametrize(
    ("answer", "row"),
    [
        (SHELLY_SWITCH, WallRow(None, 4.1, 18.015 * 3600)),
        (SHELLY_STATUS, WallRow(None, 47.11, 5.125 * 3600)),
        (TASMOTA, WallRow(None, 26.0, 0.003 * 3.6e6)),
        ('{"power":3.5,"is_valid":true,"timestamp":1600000000,"total":120}', WallRow(None, 3.5, 7200.0)),
        ('{"relays":[{}],"meters":[{"power":3.5,"is_valid":true,"total":2}]}', WallRow(None, 3.5, 120.0)),
        ('{"power":9,"pf":1,"is_valid":true,"total":2,"total_returned":0}', WallRow(None, 9.0, 7200.0)),
        ('{"power_w":71.5}', WallRow(None, 71.5)),
        ('{"power_w":71.5,"energy_j":12,"timestamp":"1970-01-01T00:01:00Z"}', WallRow(60.0, 71.5, 12.0)),
        ('{"energy_wh":2,"timestamp":60}', WallRow(60.0, None, 7200.0)),
    ],
)
def test_an_answer_is_understood_by_its_form(answer, row):
    assert wall_row(json.loads(answer)) == row


@pytest.mark.parametrize(
    "answer",
    ["{}", "[]", "3", "null", '"power_w"', '{"power_w":"71"}', '{"power_w":-1}', '{"power_w":true}', '{"power_w":NaN}',
     '{"power_w":5,"timestamp":"soon"}', '{"power":3.5,"is_valid":false,"total":120}', '{"power":3.5,"total":120}',
     '{"StatusSNS":{"ENERGY":{"Power":[26,27]}}}', '{"apower":null,"aenergy":null}'],
)  # fmt: skip
def test_what_is_no_reading_is_refused(answer):
    with pytest.raises(ValueError):
        wall_row(json.loads(answer))


def test_a_meter_is_asked_and_its_password_stays_here(serve, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    asked = []

    def answer(request):
        asked.append((request.path, request.headers["Authorization"]))
        return 200, SHELLY_SWITCH.encode()

    host = serve(answer).removeprefix("http://")
    meter = HttpMeter(f"http://admin:s%40crét@{host}/rpc/Switch.GetStatus?id=0")
    assert meter.read() == (WallRow(None, 4.1, 18.015 * 3600),)
    basic = base64.b64encode("admin:s@crét".encode()).decode()
    assert asked == [("/rpc/Switch.GetStatus?id=0", f"Basic {basic}")]
    assert meter.name == f"http://{host}/rpc/Switch.GetStatus"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda request: (404, b"not here"), "answers 404"),
        (lambda request: (200, b"<html>login</html>"), "b'<html>login</html>', which is not a reading"),
        (lambda request: (200, b""), "which is not a reading"),
        (lambda request: (200, b"\xff\xfe\x00"), "which is not a reading"),
        (lambda request: (200, b"[" * 60_000), "which is not a reading"),
        (lambda request: (200, b'{"power_w": 1' + b" " * 100_000 + b"}"), "which is not a reading"),
        (lambda request: None, "cannot be queried"),
        (lambda request: time.sleep(1), "did not answer within 0.2 s"),
    ],
)
def test_a_meter_that_answers_nothing_usable_is_a_reason(serve, monkeypatch, answer, says):
    monkeypatch.setattr(http, "TIMEOUT_S", 0.2)
    with pytest.raises(WallError) as refused:
        HttpMeter(serve(answer)).read()
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_meter_that_is_not_there_is_a_reason():
    with pytest.raises(WallError, match=r"refused"):
        HttpMeter("http://127.0.0.1:9/meter/0").read()
