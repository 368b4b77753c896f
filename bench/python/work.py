"""The work that every side is given, as ../work.ts has it."""

ran = 0


def an_input(number):
    return {
        "number": number,
        "to": f"somebody.{number}@example.com",
        "subject": "Your order has been shipped",
        "template": "order-shipped",
        "sentAt": 0,
        "fails": False,
    }


def send(given):
    """What a job does; counted, so that stages know how many have run."""
    global ran
    ran += 1

    return {"sent": given["number"], "messageId": f"<{given['number']}@mail.example.com>"}
