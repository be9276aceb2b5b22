"""What the library desk benchmark expects on each turn; a literal, so that it can be read without running it."""

turns = [
    {
        "input": "Hello. I've a handful of library things to sort out. Card number 2207 4418, Marit Okonjo.",
        "golden_text": "Good afternoon, Ms Okonjo. You have three books on loan, no holds and 3.40 euro in fines.",
        "required_function_call": {"name": "look_up_member", "args": {"card_number": "22074418"}},
        "function_call_response": {"name": "Marit Okonjo", "card_number": "22074418", "home_branch": "Central"},
        "categories": ["greeting", "tool_use"],
    },
    {
        "input": "When are my three books due back, and is there one you can't renew?",
        "golden_text": "All three are due on Friday 17 April. Glasshouse Summer cannot be renewed, because another "
        "reader has reserved it.",
        "required_function_call": None,
        "categories": ["long_range_memory"],
    },
    {
        "input": "Then renew the two that can be renewed, please, and leave the third alone.",
        "golden_text": "Bread at Altitude and Otters of the Lower Reach are renewed until 6 May; Glasshouse Summer is "
        "left as it was.",
        "required_function_call": [
            {"name": "renew_loan", "args": {"loan_id": "L-901", "days": 21}},
            {"name": "renew_loan", "args": {"loan_id": "L-903", "days": 21}},
        ],
        "function_call_response": [
            {"status": "renewed", "due": "2026-05-06"},
            {"status": "renewed", "due": "2026-05-06"},
        ],
        "categories": ["multi_step_tool"],
    },
    {
        "input": "Have you got anything on repairing a concertina? My grandfather's has a bellows that wheezes.",
        "golden_text": "There are two titles; Bellows, Reeds and Buttons by Orla Pettifer is available at Millrace.",
        "required_function_call": {"name": "search_catalogue", "args": {"query": "concertina repair"}},
        "function_call_response": None,
        "categories": ["tool_use", "error_recovery"],
    },
    {
        "input": "Put a hold on the Pettifer for me, please. I'll collect it at Otterbank.",
        "golden_text": "Your hold on Bellows, Reeds and Buttons is placed, for collection at Otterbank.",
        "required_function_call": {"name": "place_hold", "args": {"item_id": "B-30417", "pickup_branch": "Otterbank"}},
        "function_call_response": {"status": "placed", "hold_id": "H-8841"},
        "categories": ["tool_use"],
    },
    {
        "input": "Sorry, I got that wrong: not Otterbank, Saltmarket. It's on my way to work. Could you move it?",
        "golden_text": "The hold now goes to Saltmarket, ready on 17 April and kept until the 25th.",
        "required_function_call": {"name": "move_hold", "args": {"hold_id": "H-8841", "pickup_branch": "Saltmarket"}},
        "function_call_response": {
            "hold_id": "H-8841",
            "pickup_branch": "Saltmarket",
            "ready_from": "2026-04-17",
            "collect_by": "2026-04-25",
        },
        "categories": ["implicit_correction", "tool_use"],
    },
    {
        "input": "I'd also like The Long Thaw, same branch.",
        "golden_text": "There are two books of that title, a novel by Hedda Brannigan and Piers Quenby's study of "
        "permafrost. Which one?",
        "required_function_call": {"name": "search_catalogue", "args": {"query": "The Long Thaw"}},
        "function_call_response": None,
        "categories": ["ambiguous_entity", "tool_use"],
    },
    {
        "input": "The novel, by Brannigan. And how many people are in front of me?",
        "golden_text": "The Brannigan novel is on hold at Saltmarket; three readers are ahead of you.",
        "required_function_call": {"name": "place_hold", "args": {"item_id": "B-51822", "pickup_branch": "Saltmarket"}},
        "function_call_response": {"status": "placed", "hold_id": "H-8850", "queue_position": 4},
        "categories": ["tool_use", "long_range_memory"],
    },
    {
        "input": "If I can't make it in, how long do you hang on to a reserved book? And does it cost me anything if I "
        "never turn up?",
        "golden_text": "We keep it for eight days, and there is no charge if you do not collect it.",
        "required_function_call": None,
        "categories": ["knowledge"],
    },
    {
        "input": "Next: three of us from the choir committee need a room at Central on Tuesday the 21st, 18:00 to 19:30"
        ". It has to have a screen; beyond that, take whichever is cheapest and book it.",
        "golden_text": "The Heron Room at Central is booked for Tuesday 21 April, 18:00 to 19:30.",
        "required_function_call": [
            {"name": "check_rooms", "args": {"branch": "Central", "date": "2026-04-21", "features": ["screen"]}},
            {
                "name": "book_room",
                "args": {
                    "room_id": "C-HERON",
                    "date": "2026-04-21",
                    "slot": {"from": "18:00", "to": "19:30"},
                    "people": 3,
                },
            },
        ],
        "function_call_response": [None, {"status": "booked", "booking_id": "RB-2261"}],
        "categories": ["multi_step_tool"],
    },
    {
        "input": "Are we allowed a flask of tea and some biscuits in there? And do I have to sign anything when we "
        "arrive?",
        "golden_text": "Covered drinks and cold snacks are permitted; please show your card and sign the room log.",
        "required_function_call": None,
        "categories": ["knowledge"],
    },
    {
        "input": 'Small change: we\'ll be four, not three. And please call the booking "Quay Singers: მრავალჟამიერი", '
        "that's the piece we keep arguing about.",
        "golden_text": "The booking is now for four people and bears that name.",
        "required_function_call": {
            "name": "update_booking",
            "args": {"booking_id": "RB-2261", "changes": {"people": 4, "title": "Quay Singers: მრავალჟამიერი"}},
        },
        "function_call_response": {"status": "updated"},
        "categories": ["tool_use", "language"],
    },
    {
        "input": "I think there's a fine on my card. How much is it, and what's it for?",
        "golden_text": "Two fines, together 3.40 euro: 2.00 for the DVD Night Ferries and 1.40 for Marrow & Rye.",
        "required_function_call": None,
        "categories": ["long_range_memory", "numerical_reasoning"],
    },
    {
        "input": "Pay the DVD one only, from my stored card. Text me the receipt, and switch my overdue reminders to "
        "text as well.",
        "golden_text": "The 2.00 euro are paid, the receipt comes by text, and so do your overdue reminders.",
        "required_function_call": [
            {"name": "pay_fine", "args": {"fine_ids": ["F-113"], "amount_eur": 2, "method": "stored_card"}},
            {"name": "send_receipt", "args": {"payment_id": "P-70934", "channel": "sms"}},
            {"name": "set_contact_preference", "args": {"topic": "overdue", "channel": "sms"}},
        ],
        "function_call_response": [
            {"payment_id": "P-70934", "paid_eur": 2, "balance_eur": 1.4},
            {"status": "sent"},
            {"status": "ok"},
        ],
        "categories": ["multi_step_tool"],
    },
    {
        "input": "Now the children. Tobi is nine and Ines is six; please sign both of them up for the shadow puppet "
        "workshop at Millrace on the 25th.",
        "golden_text": "Ines has the 10:30 session and Tobi the 12:00 one, at Millrace on Saturday the 25th.",
        "required_function_call": [
            {"name": "search_events", "args": {"branch": "Millrace", "date": "2026-04-25", "text": "shadow puppet"}},
            {"name": "register_event", "args": {"session_id": "SP-25A", "child": {"name": "Ines", "age": 6}}},
            {"name": "register_event", "args": {"session_id": "SP-25B", "child": {"name": "Tobi", "age": 9}}},
        ],
        "function_call_response": [
            None,
            {"status": "registered", "ticket_id": "T-551"},
            {"status": "registered", "ticket_id": "T-553"},
        ],
        "categories": ["multi_step_tool"],
    },
    {
        "input": "Could you try Glasshouse Summer once more? Perhaps the other reader has dropped out.",
        "golden_text": "A reader is still waiting, so it cannot be renewed; it stays due on Friday 17 April.",
        "required_function_call": {"name": "renew_loan", "args": {"loan_id": "L-902"}},
        "function_call_response": {
            "error": {"code": "RESERVED_BY_OTHER", "message": "L-902 has 1 waiting reader; due 2026-04-17 unchanged"}
        },
        "categories": ["error_recovery", "tool_use"],
    },
    {
        "input": "Remind me: where am I collecting the concertina book, and by when?",
        "golden_text": "At Saltmarket, by Saturday 25 April.",
        "required_function_call": None,
        "categories": ["long_range_memory"],
    },
    {
        "input": "Is that branch open on Saturday, and can my mother get in with a wheelchair?",
        "golden_text": "Yes, Saturdays from 10:00 to 16:00; there is a ramp at the Cooper's Yard entrance and a lift.",
        "required_function_call": None,
        "categories": ["knowledge"],
    },
    {
        "input": "Lovely. E-mail me a summary of it all, would you: both holds, the room and the children's workshop.",
        "golden_text": "The summary is on its way: both holds, the Heron Room and the workshop.",
        "required_function_call": {
            "name": "send_summary",
            "args": {
                "channel": "email",
                "sections": [
                    {"kind": "holds", "ids": ["H-8841", "H-8850"]},
                    {"kind": "room", "ids": "RB-2261"},
                    {"kind": "events", "ids": ["T-551", "T-553"]},
                ],
            },
        },
        "function_call_response": {"status": "queued"},
        "categories": ["tool_use", "long_range_memory"],
    },
    {
        "input": "That's everything, thanks. You can close the chat.",
        "golden_text": "Thank you, Ms Okonjo. I am closing the chat now.",
        "required_function_call": {"name": "end_session", "args": {"reason": "member_done"}},
        "function_call_response": {"status": "closed"},
        "categories": ["closing"],
    },
]
