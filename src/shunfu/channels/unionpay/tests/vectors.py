"""Messages that UnionPay's test environment signed, and requests that published SDKs sign, as their authors print them.

They are the referee of both readings here, the codec's and the sandbox's. The private key is the one of UnionPay's own
test kit (acp_test_sign, certId 68759663125), handed to every developer. Certificates are written without armour.
Sources: yansongda/pay (MIT) tests/Plugin/Unipay and tests/Cert; lokielse/omnipay-unionpay (MIT) tests/Assets;
playniuniu/python-unionpay src/certs and SDKUtil_test; the demo BackReceive.php.
"""

from __future__ import annotations


def carried(bare: str) -> str:
    """A certificate as signPubKeyCert carries it: CRLF line ends, none at the end."""
    rows = [bare[begin : begin + 64] for begin in range(0, len(bare), 64)]
    return "\r\n".join(("-----BEGIN CERTIFICATE-----", *rows, "-----END CERTIFICATE-----"))


def private(bare: str) -> str:
    """A private key with its armour."""
    return f"-----BEGIN PRIVATE KEY-----\n{bare}\n-----END PRIVATE KEY-----\n"


ROOT_BARE = (
    "MIIDkzCCAnugAwIBAgIKUhN+zB19hbc65jANBgkqhkiG9w0BAQUFADBZMQswCQYDVQQGEwJDTjEwMC4GA1UEChMnQ2hpbmEgRmlu"
    "YW5jaWFsIENlcnRpZmljYXRpb24gQXV0aG9yaXR5MRgwFgYDVQQDEw9DRkNBIFRFU1QgQ1MgQ0EwHhcNMTIwODI5MDUwMTI5WhcN"
    "MzIwODI5MDUwMTI5WjBZMQswCQYDVQQGEwJDTjEwMC4GA1UEChMnQ2hpbmEgRmluYW5jaWFsIENlcnRpZmljYXRpb24gQXV0aG9y"
    "aXR5MRgwFgYDVQQDEw9DRkNBIFRFU1QgQ1MgQ0EwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDarMJGruH6rOBPFxUI"
    "7T1ybydSRRtOM1xvkVjQNX0qmYir8feE6Tb0ctgtKR7a20DIYCj9kZ5ANBQqjRcj3Soq9XH3cirqhYHJ723OKyTpS0RPQ0N6vtVt"
    "3P5JQ+ztjWHdqIbbTOQ6O024TGTiqi6uHgMuz9/OVur81X3a5YVkK7jFeZ9o8cTcvQxD853/1sgZQcmR9aUSw0RXH4XFLTrn7n4Q"
    "SfWKiNotlD8Ag5gS1pH9ONUb6nGkMn3gh1xfJqjmONMSknPXTGiNpXtqvYi8oIvByVCbUDO59IwPP1r1SYyE3P8Nr7DdQRu0KQSd"
    "XLoGiugSR3fn+toObVAQmplDAgMBAAGjXTBbMB8GA1UdIwQYMBaAFHTexY0KfRAaqmmDW00hzoabzHE4MAwGA1UdEwQFMAMBAf8w"
    "CwYDVR0PBAQDAgEGMB0GA1UdDgQWBBR03sWNCn0QGqppg1tNIc6Gm8xxODANBgkqhkiG9w0BAQUFAAOCAQEAM0eTkM35D4hjRlGC"
    "63wY0h++wVPUvOrObqAVBbzEEQ7ScBienmeY8Q6lWMUTXM9ALibZklpJPcJv3ntht7LL6ztd4wdX7E9RzZCQnRvbL9A/BU3NxWde"
    "SpCg/OyPod5oCKP+6Uc7kApiF9OtYNWnt3l2Zp/NiedzEQD8H4qEWQLAq+0dFo5BkfVhb/jPcktndpfPOuH1IMhPtVcvo6jpFHw4"
    "U/nP2Jv59osIE97KJz/SPt2JAYnZOlIDqWwp9/Afvt0/MDr8y0PKQ9c6eqIzBx7a9LpUTUl5u1jS+xSDZ/KF2lXnjwaFp7jICLWE"
    "MlBstCoogi7KwH9ALpJP7/dj9g=="
)
MIDDLE_BARE = (
    "MIIDzjCCAragAwIBAgIKGNDz/H99Hd/CxjANBgkqhkiG9w0BAQUFADBZMQswCQYDVQQGEwJDTjEwMC4GA1UEChMnQ2hpbmEgRmlu"
    "YW5jaWFsIENlcnRpZmljYXRpb24gQXV0aG9yaXR5MRgwFgYDVQQDEw9DRkNBIFRFU1QgQ1MgQ0EwHhcNMTIwODMwMDMxNDMzWhcN"
    "MzEwNTExMDMxNDMzWjBYMQswCQYDVQQGEwJDTjEwMC4GA1UEChMnQ2hpbmEgRmluYW5jaWFsIENlcnRpZmljYXRpb24gQXV0aG9y"
    "aXR5MRcwFQYDVQQDEw5DRkNBIFRFU1QgT0NBMTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALiLJ/BrdvHSbXNfLIMT"
    "wUg9tDtVjMRGXOl6aZnu9IpxjI5SMUJ4hVwgJnmbTokxs6GFIXKsCLSm5H1jHLI22ysc/ltByEybLWj5jjJuC9+Uknbl3/Ls1RBG"
    "6MogUCqZckuohKrf5DmlV3C/jVLxGn3pUeanvmqVUi4TKpXxgm5QqKSPF8VtQY4qCpNcQwwZqbMrD+IfJtfpGAeVrP+Kg6i1t65s"
    "eeEnVSaLhqpRUDU0PTblOuUv3OhiKJWA3cYWxUrg7U7SIHNJLSEUWmjy4mKty+g7Cnjzt29F9qXFb6oB2mR8yt4GHCilw1Rc5RBX"
    "Y63HeTuOwdtGE3M2p7Q++OECAwEAAaOBmDCBlTAfBgNVHSMEGDAWgBR03sWNCn0QGqppg1tNIc6Gm8xxODAMBgNVHRMEBTADAQH/"
    "MDgGA1UdHwQxMC8wLaAroCmGJ2h0dHA6Ly8yMTAuNzQuNDIuMy90ZXN0cmNhL1JTQS9jcmwxLmNybDALBgNVHQ8EBAMCAQYwHQYD"
    "VR0OBBYEFM9wnWHrnXwuuPfLAkD3CZ3+M3SAMA0GCSqGSIb3DQEBBQUAA4IBAQC0JOazrbkk0XMxMMeBCc3lgBId1RjQLgWUZ7za"
    "UISpPstGIrE5A9aB6Ppq0Sxlpt2gkFhPEKUqgOFN1CzCDEbP3n4H0chqK1DOMrgTCD8ID5UW+ECTYNe35rZ+1JiFlOPEhFL3pv6X"
    "SkiKTfDnjum8+wFwUBGlfoWK1Hcx0P2Hk1jcZZKwGTx1IAkesF83pufhxHE2Ur7W4d4tfp+eC7XXcA91pdd+VUrAfkj9eKHcDEYZ"
    "z66HvHzmt6rtJVBapwrtCi9pW3rcm8c/1jSnEETZIaokai0fD7260h/LkD/GrNCibSWxFj1CqyP9Y5Yvcj6aA5LnUcJYeNkrQ3V4"
    "XvVc"
)
SIGNER_1_BARE = (
    "MIIEYzCCA0ugAwIBAgIFEDkwhTQwDQYJKoZIhvcNAQEFBQAwWDELMAkGA1UEBhMCQ04xMDAuBgNVBAoTJ0NoaW5hIEZpbmFuY2lh"
    "bCBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTEXMBUGA1UEAxMOQ0ZDQSBURVNUIE9DQTEwHhcNMjAwNzMxMDExOTE2WhcNMjUwNzMx"
    "MDExOTE2WjCBljELMAkGA1UEBhMCY24xEjAQBgNVBAoTCUNGQ0EgT0NBMTEWMBQGA1UECxMNTG9jYWwgUkEgT0NBMTEUMBIGA1UE"
    "CxMLRW50ZXJwcmlzZXMxRTBDBgNVBAMMPDA0MUA4MzEwMDAwMDAwMDgzMDQwQOS4reWbvemTtuiBlOiCoeS7veaciemZkOWFrOWP"
    "uEAwMDAxNjQ5NTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMHNa81t44KBfUWUgZhb1YTx3nO9DeagzBO5ZEE9UZkd"
    "K5+2IpuYi48weYisCaLpLuhrwTced19w2UR5hVrc29aa2TxMvQH9s74bsAy7mqUJX+mPd6KThmCrt5LriSQ7rDlD0MALq3yimLvk"
    "EdwYJnvyzA6CpHntP728HIGTXZH6zOL0OAvTnP8uRCHZ8sXJPFUkZcbG3oVpdXQTJVlISZUUUhsfSsNdvRDrcKYY+bDWTMEcG8Zu"
    "MZzLg0N+/spSwB8eWz+4P87nGFVlBMviBmJJX8u05oOXPyIcZu+CWybFQVcS2sMWDVZysPeT3tPuBDbFWmKQYuu+gT83PM3G6zMC"
    "AwEAAaOB9DCB8TAfBgNVHSMEGDAWgBTPcJ1h6518Lrj3ywJA9wmd/jN0gDBIBgNVHSAEQTA/MD0GCGCBHIbvKgEBMDEwLwYIKwYB"
    "BQUHAgEWI2h0dHA6Ly93d3cuY2ZjYS5jb20uY24vdXMvdXMtMTQuaHRtMDkGA1UdHwQyMDAwLqAsoCqGKGh0dHA6Ly91Y3JsLmNm"
    "Y2EuY29tLmNuL1JTQS9jcmw3NTAwMy5jcmwwCwYDVR0PBAQDAgPoMB0GA1UdDgQWBBTmzk7XEM/J/sd+wPrMils39rJ2/DAdBgNV"
    "HSUEFjAUBggrBgEFBQcDAgYIKwYBBQUHAwQwDQYJKoZIhvcNAQEFBQADggEBAJLbXxbJaFngROADdNmNUyVxPtbAvK32Ia0EjgDh"
    "/vjn1hpRNgvL4flHNsGNttCy8afLJcH8UnFJyGLas8v/P3UKXTJtgrOj1mtothv7CQa4LUYhzrVw3UhL4L1CTtmE6D1Kf3+c2Fj6"
    "TneK+MoK9AuckySjK5at6a2GQi18Y27gVF88Nk8bp1lJvzOwPKd8R7iGFotuF4/8GGhBKR4k46EYnKCodyIhNpPdQfpaN5AKeS7x"
    "eLSbFvPJHYrtBsI48jUK/WKtWBJWhFH+Gty+GWX0e5n2QHXHW6qH62M0lDo7OYeyBvG1mh9uQ0C300Eo+XOoO4M1WvsRBAF13g9R"
    "PSw="
)
SIGNER_2_BARE = (
    "MIIEQzCCAyugAwIBAgIFEBJJZVgwDQYJKoZIhvcNAQEFBQAwWDELMAkGA1UEBhMCQ04xMDAuBgNVBAoTJ0NoaW5hIEZpbmFuY2lh"
    "bCBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTEXMBUGA1UEAxMOQ0ZDQSBURVNUIE9DQTEwHhcNMTcxMTAxMDcyNDA4WhcNMjAxMTAx"
    "MDcyNDA4WjB3MQswCQYDVQQGEwJjbjESMBAGA1UEChMJQ0ZDQSBPQ0ExMQ4wDAYDVQQLEwVDVVBSQTEUMBIGA1UECxMLRW50ZXJw"
    "cmlzZXMxLjAsBgNVBAMUJTA0MUBaMjAxNy0xMS0xQDAwMDQwMDAwOlNJR05AMDAwMDAwMDEwggEiMA0GCSqGSIb3DQEBAQUAA4IB"
    "DwAwggEKAoIBAQDDIWO6AESrg+34HgbU9mSpgef0sl6avr1dbD/IjjZYM63SoQi3CZHZUyoyzBKodRzowJrwXmd+hCmdcIfavdvf"
    "wi6x+ptJNp9dEtpfEAnJk+4quriQFj1dNiv6uP8ARgn07UMhgdYB7D8aA1j77Yk1ROx7+LFeo7rZDdde2U1opPxjIqOPqiPno78J"
    "MXpFn7LiGPXu75bwY2rYIGEEImnypgiYuW1vo9UOG47NMWTnsIdy68FquPSw5FKp5foL825GNX3oJSZui8d2UDkMLBasf06Jz0JK"
    "z5AVblaI+s24/iCfo8r+6WaCs8e6BDkaijJkR/bvRCQeQpbX3V8WoTLVAgMBAAGjgfQwgfEwHwYDVR0jBBgwFoAUz3CdYeudfC64"
    "98sCQPcJnf4zdIAwSAYDVR0gBEEwPzA9BghggRyG7yoBATAxMC8GCCsGAQUFBwIBFiNodHRwOi8vd3d3LmNmY2EuY29tLmNuL3Vz"
    "L3VzLTE0Lmh0bTA5BgNVHR8EMjAwMC6gLKAqhihodHRwOi8vdWNybC5jZmNhLmNvbS5jbi9SU0EvY3JsMjQ4NzIuY3JsMAsGA1Ud"
    "DwQEAwID6DAdBgNVHQ4EFgQUmQQLyuqYjES7qKO+zOkzEbvdFwgwHQYDVR0lBBYwFAYIKwYBBQUHAwIGCCsGAQUFBwMEMA0GCSqG"
    "SIb3DQEBBQUAA4IBAQAujhBuOcuxA+VzoUH84uoFt5aaBM3vGlpWKVMz6BUsLbIpp1ho5h+LaMnxMs6jdXXDh/du8X5SKMaIddiL"
    "w7ujZy1LibKy2jYiYYfs3tbZ0ffCKQtv78vCgC+IxUUurALY4w58fRLLdu8u8p9jyRFHsQEwSq+W5+bPMTh2w7cDd9h+6KoCN6AM"
    "I1Ly7MxRIhCbNBL9bzaxF9B5GK86ARY7ixkuDCEl4XCFJGxeoye9R46NqZ6AA/k97mJun//gmUjStmb9PUXA59fR5suAB5o/5lBy"
    "SZ8UXkrIpp/iLT8vIl1hNgLh0Ghs7DBSx99I+S3VuUzjHNxL6fGRhlix7Rb8"
)
SIGNER_3_BARE = (
    "MIIEOjCCAyKgAwIBAgIFEAJkAUkwDQYJKoZIhvcNAQEFBQAwWDELMAkGA1UEBhMCQ04xMDAuBgNVBAoTJ0NoaW5hIEZpbmFuY2lh"
    "bCBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTEXMBUGA1UEAxMOQ0ZDQSBURVNUIE9DQTEwHhcNMTUxMjA0MDMyNTIxWhcNMTcxMjA0"
    "MDMyNTIxWjB5MQswCQYDVQQGEwJjbjEXMBUGA1UEChMOQ0ZDQSBURVNUIE9DQTExEjAQBgNVBAsTCUNGQ0EgVEVTVDEUMBIGA1UE"
    "CxMLRW50ZXJwcmlzZXMxJzAlBgNVBAMUHjA0MUBaMTJAMDAwNDAwMDA6U0lHTkAwMDAwMDA2MjCCASIwDQYJKoZIhvcNAQEBBQAD"
    "ggEPADCCAQoCggEBAMUDYYCLYvv3c911zhRDrSWCedAYDJQefJUjZKI2avFtB2/bbSmKQd0NVvh+zXtehCYLxKOltO6DDTRHwH9x"
    "fhRY3CBMmcOvd2xQQvMJcV9XwoqtCKqhzguoDxJfYeGuit7DpuRsDGI0+yKgc1RY28v1VtuXG845fTP7PRtJrareQYlQXghMgHFA"
    "Z/vRdqlLpVoNma5C56cJk5bfr2ngDlXbUqPXLi1jiXAFb/y4b8eGEIl1LmKp3aPMDPK7eshc7fLONEp1oQ5Jd1nE/GZj+lC345aN"
    "WmLsl/09uAvo4Lu+pQsmGyfLbUGR51KbmHajF4Mrr6uSqiU21Ctr1uQGkccCAwEAAaOB6TCB5jAfBgNVHSMEGDAWgBTPcJ1h6518"
    "Lrj3ywJA9wmd/jN0gDBIBgNVHSAEQTA/MD0GCGCBHIbvKgEBMDEwLwYIKwYBBQUHAgEWI2h0dHA6Ly93d3cuY2ZjYS5jb20uY24v"
    "dXMvdXMtMTQuaHRtMDgGA1UdHwQxMC8wLaAroCmGJ2h0dHA6Ly91Y3JsLmNmY2EuY29tLmNuL1JTQS9jcmw0NDkxLmNybDALBgNV"
    "HQ8EBAMCA+gwHQYDVR0OBBYEFAFmIOdt15XLqqz13uPbGQwtj4PAMBMGA1UdJQQMMAoGCCsGAQUFBwMCMA0GCSqGSIb3DQEBBQUA"
    "A4IBAQB8YuMQWDH/Ze+e+2pr/914cBt94FQpYqZOmrBIQ8kq7vVmTTy94q9UL0pMMHDuFJV6Wxng4Me/cfVvWmjgLg/t7bdz0n6U"
    "Nj4StJP17pkg68WGzMlcjuI7/baxtDrD+O8dKpHoHezqhx7dfh1QWq8jnqd3DFzfkhEpuIt6QEaUqoWnt5FxSUiykTfjnaNEEGcn"
    "3/n2LpwrQ+upes12/B778MQETOsVv4WX8oE1Qsv1XLRWi0DQetTU2RXTrynv+l4kMy0h9b/Hdlbuh2s0QZqlUMXx2biy0GvpF2pR"
    "8f+OaLuTAtaKdU4T2+jO44+vWNNN2VoAaw0xY6IZ3/A1GL0x"
)
SHOP_BARE = (
    "MIIEVDCCAzygAwIBAgIFEEaQAUkwDQYJKoZIhvcNAQEFBQAwWDELMAkGA1UEBhMCQ04xMDAuBgNVBAoTJ0NoaW5hIEZpbmFuY2lh"
    "bCBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTEXMBUGA1UEAxMOQ0ZDQSBURVNUIE9DQTEwHhcNMjExMTI2MDIzMTQ3WhcNMjYxMTI2"
    "MDIzMTQ3WjCBhzELMAkGA1UEBhMCY24xEjAQBgNVBAoTCUNGQ0EgT0NBMTEWMBQGA1UECxMNTG9jYWwgUkEgT0NBMTEUMBIGA1UE"
    "CxMLRW50ZXJwcmlzZXMxNjA0BgNVBAMULTA0MUBaMjAxNC0xMS0xMUA3MDAwMDAwMDAwMDAwMDE6U0lHTkAwMDAwMDAwMzCCASIw"
    "DQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALtoUGFvXqcWRZjxIkPNG+tnn66KyxV8r1/OUT5WR7wUC3FQqQs+nZP/y/JKGKGN"
    "hgcwe4BJPCjAqWerXsAWiiggYLjmDWVmVpbgUPbheRMAvfciXjf/i/6SXQftiVtucSgVGXIe8UFH6b1c0mmCPnf6fuLfMSzSDd9/"
    "J8j6zs9Ltbrxf1uLoRulBvvo1lRy9mKxIUCtW0IcDUMujXAQbemCyGeVCdiErwuM0+neMDH8Vb7Yxe2dhpaM07jZQ86Fr9tRTSt4"
    "WDqe1zJjpkKlmKa0qsSLvP2k/UPZGRgAkwCLMokeJXQG2Rvswo3Vueuh7DVbdNqNKs/Kh1KPh/A3MVUCAwEAAaOB9DCB8TAfBgNV"
    "HSMEGDAWgBTPcJ1h6518Lrj3ywJA9wmd/jN0gDBIBgNVHSAEQTA/MD0GCGCBHIbvKgEBMDEwLwYIKwYBBQUHAgEWI2h0dHA6Ly93"
    "d3cuY2ZjYS5jb20uY24vdXMvdXMtMTQuaHRtMDkGA1UdHwQyMDAwLqAsoCqGKGh0dHA6Ly91Y3JsLmNmY2EuY29tLmNuL1JTQS9j"
    "cmw4Mjg3NS5jcmwwCwYDVR0PBAQDAgPoMB0GA1UdDgQWBBRlISN8Naa6SUmbpOtGgNqTGLoe3jAdBgNVHSUEFjAUBggrBgEFBQcD"
    "AgYIKwYBBQUHAwQwDQYJKoZIhvcNAQEFBQADggEBAJpBcXWdF6xcdZe1FrHiuQt0ZIbyW2jEQ4la76o+tgmzLUr4Z5gjAN3XXm4k"
    "7Xqb2dK0PTtZ5o8n69luH6WLfUq66I4yzUwOJur4Y/o98WUHMS05V/LQzQp953ucw2S5VlTBQ5PXV7UUnU64BdlBKSDgAry/b6oH"
    "hMsxaOV0NTg5NPxIysdMffO+WmspkibgZyM5VyFhAgQvZlicOyRyfGPyEC6UpU5CLgzns/ze2gvESet9mGIySAyy2PAR8wRiiKZb"
    "OHx5kM/EApjNhEUm4T3XFiZ0/Xi7DahPpGIEfbHnM6UOZhc70kb78aWTJRprzMPSDwHS0vJm1A4HwqZ3Voo="
)
TEST_KIT_KEY_BARE = (
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDZgpE+JFjxfSAQz7haGrCD62/babFa/8cDnlGKlfpvl0fClz7r"
    "NyyJ8XgRDwzXx+7IAl5xANuQSrqFEbyhtrcmMZE6xULpW7peDmTtggC6eLVZ04eFh3FeVw26zlk3BhS7ZEcifJi7gPwgIW36YlsJ"
    "Nkm8kq45g5MnysXqeodQ9BsWmIJw7rCy7b4IWcsPrsTZ3dEQVbP6/sAxXjeRx6xrSbmUFDlLYqP3+RTv2sx+poBto/i9AqV/yi2B"
    "54Ev8hr5p4C9PVoL1SoE4DijWgZigJtBf5YfPuJ9wRk5JbYKF4SeQ+hV0l0bPLd/nsxP1kSmG7eRQ6DJLzhSnuuj+8vjAgMBAAEC"
    "ggEBAIF/7k+sPlRQ5gV8Vss2tr9kLm3ZCKIgRPIPkYbMcpV74Vqmx+wtJlRestidOE1EmRL17hqjoxXOmCxf+gniCjswKcJu7b6Y"
    "QWZ8dXS/AQYElhyMB1Tl5gaAGAmPj6hl83P6aSvMOPbx/ap3nM4FPyRF8TLXtelCQBvh62IGX4g/JML4nDXkpQ4Oq8fO1x+Oi2Oi"
    "JZQLT+h3OsRzb5Wa94q9FfaGCb+87V2Wa7lNjxdZIfzrA97ldHFrVaEltfK8FKPiCD/Dk+Q9eSybtexMh8339VybGVFW3THB++X3"
    "lgYswkb+KXTkpkA/vyhFEkPLWhvAHor9nhY+73u5YDkHShkCgYEA8uNMaqyGOuOSjr+svLyyLjlju9RR7IErQZbhQspZTgjMud/T"
    "sFyWdjBpoDTs8+T1PGMT01j06H/f4w+WZ/SKLQAI87PDq+KDXAeKvz/JHXQ2iSDH/mHe7Ml1iQnSqHd37PjMCk9f9n4MC/4XOx1J"
    "dfZR8rPd+SzqshSmI8wd4j8CgYEA5UCMPoM7ouy7LaqxHhtrAJI6ydrckKJ9X+Ms0IDl1CX6v0P0ovRvfgJtHTj+uzVGu/EFfT+e"
    "asrWw+YdU2lHlqLzsOFtveHtjSDAGue+41ZwT+oqsPNPlIvaQjV0qHUnOsWUu3mfdc9Lt8gEuDJFOoBZ77n8oJJLgchrxHYypV0C"
    "gYEA5okPcwCltydhZ9ROJCYGCRG3tAPmblB7uhl3XWmqMgLwLkxgJLj8ptl0p/cUILpkehigLK32ZudYna+h1rGopOWvmYA6bN7m"
    "R2dxLe1g+m/fg3B14uEKMj1VLekA5Z3fWjEbmX2VW+RvksJtUlKN80UEqxRFz8fuS3CF8NxAUQkCgYBAfXv2SeyI1JeDLTVOBuB+"
    "9KPdDNhnR46FXt7IeLouh9CV5YP4I1MJ25zeT545A6+2RwMITNE/sXfg++bcBA3DbmunIoNAm0G8Ja5k4zRrt3E4yeLgjFGitATe"
    "AzOh//LdMZ+5bWlSNtJSDM5nEp0u69Rg/6z1brIW/E50odt1cQKBgG4pVWf3y3M5L1Y+wQx33xzHSsu//GQDRJjbiEtzNjQK822g"
    "6YRWjN20p3CDeaJpPRIUH062eSJoNNSGVGtqhk75g2vUSxYOs9AT25a0sb7IHHi+COOHQfpB8xWjt0PJCccGiYQiKqqNU5pGkzUQ"
    "8eoxsUyQX3A5791s2EK6csEq"
)
NOTIFIED_2022: dict[str, str] = {
    "accNo": (
        "ORRSXWY1kMr8UJNxGx9xKPuO0Uhm8JT8aQV3sWswJfIsj/grkjauH4soyAtiqB9XwQotZOwmUAs/pkMupUkfiX9npdFGGEU"
        "Ec5gqq+lcEwyD7tLmd2WBzRvcEvvjAKMKwTCFDxmQbIrP48ocIVhPoZ87ZQtQM5MIyJYedrzPRlt6BzRddUPGU1gJwDA8AP"
        "Dx3iyNl8EAfenJw7DUDZimmhbE1VSRmQm/iqgJurI7juq/6ztDHZHv4ys1eN9JYkwhcKxCjsWpwXTSy0PGvDXhsAZsDuNXH"
        "sjI8JLhHXvTDaU2+gc289LZPiwpr4Ah/reIuPWrIHubchYm2XTqQlUAaw=="
    ),
    "accessType": "0",
    "bizType": "000201",
    "currencyCode": "156",
    "encoding": "utf-8",
    "exchangeRate": "0",
    "merId": "777290058167151",
    "orderId": "yansongda20220908132206",
    "queryId": "782209081322060674028",
    "respCode": "00",
    "respMsg": "success",
    "settleAmt": "1",
    "settleCurrencyCode": "156",
    "settleDate": "0908",
    "signMethod": "01",
    "signPubKeyCert": carried(SIGNER_1_BARE),
    "signature": (
        "JeA4S2+6TbGo9yjXDUvV5A2E3oJbunoCcZ66exN6xR3OH/5PNDK1VSV1Mq7XhVdxzkTeREUveiOYHalqoagRkh71nsHVvru"
        "wGbk6azygXSaawuO5tF67UIqNd4Mbufwh1KhbVpEkKbOETUvRhFcdon0fulE97I83eMSk52INHt8E1xk8NdbhyUadSlp+Uv"
        "30AKx70PpQbTGmVS3PJfd+Whj0b7LnvZKeC+BS1kUOtIKlcZO+gBoTigvCIJqj51kBrcBCs+x+VaeGm7EYBBhGSERpfQhQ4"
        "n+eJBwLdBeZ0/dNbo3iELjvVMx0n9KoW4klvUJhaH5LALA8pV02SbZv4Q=="
    ),
    "traceNo": "067402",
    "traceTime": "0908132206",
    "txnAmt": "1",
    "txnSubType": "01",
    "txnTime": "20220908132206",
    "txnType": "01",
    "version": "5.1.0",
}
QUERIED_2022: dict[str, str] = {
    "accNo": (
        "dZRvehtDtCcBPbPBVJk+ezkyeXkF07UnbKwr8/012R5XSsDLE4RqpHSLis7WCItKIf6SYUcXCLHYpV9deIfnJfziDGpUdQX"
        "nlPfejrw5pKglzjKI/pRYg0ApNomryVBIoUIdTwlpELh048ITEojRgJwzaazWdLaB5iZPeN22E2KP7JkfwsYHEclVpLY4tY"
        "Ec35IjMpWCs0i8U5KY4qAJ3zXpCFIur4x+9z4gyK89Mwf+csowScvfDbFBsqTpClQlNRJ6lLWOrISNnlCdc1ONK4QVhabDT"
        "TWsemM7PSuya2e3imeZFfRYDmSv6W1eMIs0gbRo8BxOr3suUhb2ukPL7w=="
    ),
    "accessType": "0",
    "bizType": "000000",
    "currencyCode": "156",
    "encoding": "utf-8",
    "issuerIdentifyMode": "0",
    "merId": "777290058167151",
    "orderId": "pay20220911041647",
    "origRespCode": "00",
    "origRespMsg": "成功[0000000]",
    "queryId": "512209110416475616528",
    "respCode": "00",
    "respMsg": "成功[0000000]",
    "settleAmt": "1",
    "settleCurrencyCode": "156",
    "settleDate": "0911",
    "signMethod": "01",
    "traceNo": "561652",
    "traceTime": "0911041647",
    "txnAmt": "1",
    "txnSubType": "01",
    "txnTime": "20220911041647",
    "txnType": "01",
    "version": "5.1.0",
    "signPubKeyCert": carried(SIGNER_1_BARE),
    "signature": (
        "b59zh7aztBFNDNmCBOR4189VeG3Vypvuf7H3izqA4etA0AtsjtzV7RXigEFlNXaIHSTSkbAUfPXevY3nX18umwQSFsSphF5"
        "C+DiMzBmEJNo9vNiX1kpaeQPlXQfXTDQqmDjdQ4lyeNw/aDx6MHww2D8wpkUem+50cyWOeO1/brHDxwt8N/R2LMRC8QTFIg"
        "48N+9UZu6QDIUybQYBAoVS6F0emMxFTpAhVi85RVqIDofStiGhHZw7UocW0hw96+JSExyhc6WXEvmLW41DI3PqRxVu+Hacj"
        "ZqeU+siH7V9pdTPV7Yi3ATznzRhmufvN7r1LJmf/4GkGI1ayM3WLubZjg=="
    ),
}
NOTIFIED_2018: dict[str, str] = {
    "accNo": "6221558812340000",
    "accessType": "0",
    "bizType": "000201",
    "currencyCode": "156",
    "encoding": "utf-8",
    "merId": "700000000000001",
    "orderId": "201807251814000000175473",
    "queryId": "951807261002324791038",
    "respCode": "00",
    "respMsg": "成功[0000000]",
    "settleAmt": "136",
    "settleCurrencyCode": "156",
    "settleDate": "0726",
    "signMethod": "01",
    "signPubKeyCert": carried(SIGNER_2_BARE),
    "traceNo": "479103",
    "traceTime": "0726100232",
    "txnAmt": "136",
    "txnSubType": "01",
    "txnTime": "20180726100232",
    "txnType": "01",
    "version": "5.1.0",
    "signature": (
        "Q/usKVYN70HrAun5WFUvYpDeE3NtRb0gC3lL38qXrIMIGbutpECmjI+uB5X9GQbkPcJreRVz+b9ZErH2L3alPsVUitgDY3g"
        "ZLnLRqEmiIreHAG4Th/eOml626aNPiAJtjjCMbmmMzilLUrakcpK0zVREjaB+sMF2XYVbIAegzHgy1CQgjyEImarx92zchz"
        "esmpA/3JA+K0h937B/x1gFvmL0POcO4RpVI/kb/xU5TjM2fQlZkFKX40dQrQB6EPjNxnqwZ3eVm4p2Q8L1llZyiat9wq91C"
        "U9Ku7X5dIQDbE5JleWzNlC0ikkRVoxWnqkIFlGeP2+ITk9+HEtI+0uHuA=="
    ),
}
TOKEN_2017: dict[str, str] = {
    "accNo": (
        "JNL7tMFx4D4Acs/yP0aKzREMOUZsdGr2eXRB/kzafXK8PfM7/9E1MucZ7uxF7XZRqFthJ5YtsbK2WjBpYN8dxG1HVOD+Lnc"
        "WlTO/KX5OaYmAeVGc5p2buiUq0Pt85Zc1mwTPzW4CjwbaktakA1Uxmm/tOhmso+bm9JQX9WN2EpJ0eqoDuWF1gEGkriSKaG"
        "4SzEBARvs1aLX5SOh7zrKJRK0FbYdhtkL080QpCxB8+PE1pFSr/NIrZv5SI6KNmGJ02XgdRoeuqae2kC2r0S2ud1JKfyjtt"
        "tL8ESfKAA9Oz1Fq/BiOc695XL9fo3MNVdi7a+jXVQSsQWV2prIEgUFh1g=="
    ),
    "accessType": "0",
    "activateStatus": "1",
    "bizType": "000902",
    "customerInfo": (
        "e2VuY3J5cHRlZEluZm89SytaYWNwb0RzM05vQisvQm9HWkZBbTFCT2YzbXNZeTNpRDNSaTVrOWFYdlhPVTlYcVR3L1RuUzF"
        "WOURqWlBSMUx3S0pQOEFPczBwZkp6dHBGMVJlYllrOEJKVjMzV2ZTV2I5ZkRQU1h4WERqOXBqV2J0akljRDgwNW95OHRmUX"
        "JoWld6a0N1T1ViSjRFQlJKejhzSDNTaVdEZWduakloOFdoc0tEalc0OTBjT0tjSW1aemd5ekhGVUZ6clBWNlhUUmtwc0p3Y"
        "2VYOEovYXJxcE9qaDJIZVptZnJ2L0M4YnZhNHlhV01LWktwNE9jcnNreDJwdFpGbTkyVjRYZlEvV0Zld3FLWFR6SElwcWND"
        "WVFodWhQdjdTQlJoV0dkakxoWmFMWndmaDFoRko4ZXZRbDdqVkoxM2JYdUlLV2Q2Vm1mb2g5amhSaTZuYjM5eDhHZk9hZEJ"
        "nPT19"
    ),
    "encoding": "utf-8",
    "merId": "777290058146592",
    "orderId": "20171030223623",
    "respCode": "00",
    "respMsg": "success",
    "signMethod": "01",
    "signPubKeyCert": carried(SIGNER_3_BARE),
    "signature": (
        "bgBkZYfBPzW412RqZodTtdyx3cnuTcIVH1ZMFNfOCMeOENu+eYckkMu9uJp5UDA/zwI5OSzsXFS4F2xbD/bMQg/WM8x4rGz"
        "SttEkZuPjEzO5ojUfyFfKfF/pCXbASIf7wpypjnXHcAEYvUqeK3lt399VlYBQ6wmt1M9ntS5w5j/vL9zXkfMpRTSxj7Griu"
        "lwDodZI//cDimPka606HMS9SsSyNa16tKouw6XdRHNcfdJRrkQNAL6hXxtM21mBC54hNp+usqn8xPBv8LAzCkFpJOjihC0j"
        "DUXlc1c2uMgtgIV0zlDPsOiezzMaACJf+8Tn1zNLKjmPfQZmimh8EAIrA=="
    ),
    "tokenPayData": (
        "{token=6235240000020757577&trId=62000000001&tokenType=01&tokenBegin=20171030223632&tokenEnd=202"
        "21029223632&tokenLevel=10}"
    ),
    "txnSubType": "00",
    "txnTime": "20171030223623",
    "txnType": "79",
    "version": "5.1.0",
}
FRONT_REQUEST: dict[str, str] = {
    "txnTime": "20220903065448",
    "txnAmt": "1",
    "orderId": "yansongda20220903065448",
    "version": "5.1.0",
    "encoding": "utf-8",
    "bizType": "000201",
    "backUrl": "https://yansongda.cn/unipay/notify",
    "currencyCode": "156",
    "txnType": "01",
    "txnSubType": "01",
    "accessType": "0",
    "signature": "",
    "signMethod": "01",
    "channelType": "07",
    "merId": "777290058167151",
    "frontUrl": "https://yansongda.cn/unipay/return",
    "certId": "69903319369",
}
FRONT_SIGNATURE = (
    "CJ0Hh6WC0YldYMi2cIi7rjOvV4IJyzhqgj8KKNeRWZz+2csPVlDcnP1f4YfykVww6NDimsl2zE+oQAm7lH8qiU5f8ojVH+P62uMe"
    "1yqb2WoNlIM45REg6bhfUPvATgecVplnKIPdFUGdRZ97va+ZVbla75HwtskZnDykmr9rkYaSg7PcGuilEwHcb2rV+BNkCi3bi4fY"
    "ELjYlE1a7Imv/cSLRyXkPS1jzF0HUIUiVA6P98DYh0GbsgqRZqPYsGocFJs9jZoAlu44RygzDKjK/n8iwhHNH61IFaADdGp+uLQs"
    "ol6kR/DRpF1pZgO7lsuK0YuaL6pfN6dtkJO9prbu6Q=="
)
KIT_REQUEST: dict[str, str] = {
    "transType": "01",
    "sysReserved": "{aaa=a&bbb=b}",
    "merId": "888888888888888",
    "signMethod": "01",
    "certId": "68759663125",
}
KIT_SIGNATURE_500 = (
    "ClTZLArDgM7rE9KORsgEiCmaPo/8G4xg4SrTJAET9xcymexSSlYDjQMIfhvZ0qgtYzlI+fV/5/ZKbnpJD0R2qOsvhT9e+Xb2wZzJ"
    "FeYJVDNBqlZZLXUcB2kU0ut2fKdHCAcWApoGA1Ks0d5s/CA4sp8ZdaejatHVuKnTHa8rgLallX9Gekxul538WtZoU4n4RNBEe2yt"
    "hZnj5eUaVFYdzzSQ6pAnlYfKzhby3p5/YFdZZHcYDbdrkQjS+ewgf6wQfFGu5X07BznqYjf6I6x25jPgidg6OHE0m25uv2ksyZuE"
    "KwSM/WWUYOc0q/TF7XMhN1lpm3VZN8ePvIK5NPHPaA=="
)
KIT_SIGNATURE_510 = (
    "nCDm51Cju6CG0kvYNKJI0hlMMlPqKn2IftnBFWkeNftrNKxczLB2kAyASv6Tr3PeOauGvgzv9KEpBBkZY1f7nhOuv/WfZVEHt4oW"
    "mxcd24TrEZ5dDtQb4tamzUszl0p+TXDW4tqxzbwjjQ++acYtthLadhG44Cce0Lnno7LWIKDh1Fe6wsMMAEXsJwZX7nIcskeymOTF"
    "98FopOt/RFsIHSJ4Z0UuqZ6gEOjPzSbqTgm2SeAMFMmxMToUmY+doQHla5GNkI4VJox10LIZBlA8SRTwL6qt3kdHhFyP7mRw2Wbj"
    "zUA9kuqPtFhC7ucKJ5tFG1YmbnX5upg0Mg9h2UlofQ=="
)
KIT_CIPHERTEXT = (
    "BxqNdggaUsjTf8BEDCLvUy/SdjhC5w49rrZ0lMvQbB4qXjcTnskImSxY8y1SbhI6lKZKbFKPhT8B2rFNuRduDSglhLA/yvUUy7eT"
    "ndBhELOtgxUL0Oddbw/cWD3HM8UIgvMc4300H2SJDJnWacjSqLbt5aedV9Ar2GefxUhJN/UNnz6thbWsQGwjNL1+zMYf0ePC+M7q"
    "YVToPkKXxeoNaEj1Y3ibQYHsnIx3mXUhDPN1rink/AjAbeNkTXCOtPGjksKAtD52s9D0DVeSCFH8iA2cye/0MRodSDERpObldnRo"
    "ksZBeQ5p3qx0i++T57706TRAdk0vwcsaYiNeYc+Qew=="
)
HASHES = {
    "NOTIFIED_2022": "39be34ceac545612fdca7c9bfc765aba9959ab14e840cc111d3ebdd507b0d371",
    "QUERIED_2022": "7b6809ce5c74c1aa97952673ec10b78abc891e04d71dc2a7948acdb642a33e4b",
    "NOTIFIED_2018": "6a4caf90eb93b06e6879ff28b78c15b625063ef6b01028af3455263e71630950",
    "TOKEN_2017": "e9fa180c291a5d8016c720b14a7339bc26f0af44105ab4ba74e57ff7975e80da",
}
"""The SHA-256 of each message's text, by name."""
