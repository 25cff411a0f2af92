"""Who uses the running installation in the flows: a tenant that signed up over HTTP."""

from dataclasses import dataclass

import openai
import pytest

from deploy.demo.__main__ import SCOPES
from deploy.demo.visitor import Visitor
from deploy.launch.installation import Installation


@dataclass
class Customer:
    """A tenant that signed up over HTTP, with its key and its client."""

    key: str
    client: openai.OpenAI
    url: str
    visitor: Visitor


@pytest.fixture(scope="session")
def customer(mill: Installation) -> Customer:
    """A new tenant of the running installation."""
    return customer_new(mill, "Flow Mill")


def customer_new(mill: Installation, name: str) -> Customer:
    """Sign up, name a tenant and make a key, all through the pages."""
    visitor = Visitor(mill.url, printed_mail=lambda: mill.log("web"))
    visitor.sign_up()
    visitor.name_tenant(name)
    key = visitor.make_key(SCOPES)
    client = openai.OpenAI(base_url=f"{mill.url}/v1", api_key=key, max_retries=0)
    return Customer(key=key, client=client, url=mill.url, visitor=visitor)
