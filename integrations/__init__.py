"""Other systems that are told what happens here: outgoing webhooks, signed as Standard Webhooks has it.

An endpoint names the events it wants; each that it may see becomes one delivery, whatever fails in between. The receiver gets ids
and the REST form of the ticket or account, never the texts of messages.

``crm/`` keeps companies, people and contracts in step with a customer relationship management system.
"""
