"""What a recording shows, in both modes unless the mode matters."""

import asyncio

import pulumi
import pytest

from inference_edge_cache.testing import Invoke, LogLine, Options, Secret, Unknown, record

SITE = "urn:pulumi:stack::project::test:web:Site"
THING = "urn:pulumi:stack::project::aws:things/thing:Thing"


def test_a_resource_shows_its_type_name_parent_and_inputs(recorded, thing):
    resource = recorded(lambda: thing("a", {"size": 3, "nested": {"someKey": [1.5, "x", None, True]}})).one("a")
    assert (resource.type, resource.urn) == ("aws:things/thing:Thing", f"{THING}::a")
    assert (resource.parent, resource.custom, resource.existing) == (None, True, False)
    assert resource.inputs == {"size": 3, "nested": {"someKey": [1.5, "x", None, True]}}
    assert type(resource.inputs["size"]) is int


def test_a_urn_holds_the_types_of_all_ancestors(recorded, site):
    recording = recorded(lambda: site("web"))
    assert recording.one("web").urn == f"{SITE}::web"
    assert recording.one("web-bucket").urn == f"{SITE}$aws:things/thing:Thing::web-bucket"
    assert recording.one("web-page").urn == f"{SITE}$aws:things/thing:Thing$aws:things/thing:Thing::web-page"


def test_resources_come_parent_first_and_are_the_same_every_time(recorded, site):
    def program():
        site("b"), site("a")

    recording = recorded(program)
    assert [r.name for r in recording.resources] == ["a", "a-bucket", "a-page", "b", "b-bucket", "b-page"]
    assert recording == recorded(program)


def test_a_secret_is_wrapped_exactly_where_it_is(recorded, thing):
    def program():
        thing(
            "a", {"headers": [{"name": "x", "value": pulumi.Output.secret("s")}], "all": pulumi.Output.secret({"b": 1})}
        )
        pulumi.export("token", pulumi.Output.secret("t"))
        pulumi.export("nested", {"list": [pulumi.Output.secret(1)]})

    recording = recorded(program)
    assert recording.one("a").inputs == {"headers": [{"name": "x", "value": Secret("s")}], "all": Secret({"b": 1})}
    assert recording.outputs["token"] == Secret("t")
    assert recording.outputs["nested"] in ({"list": [Secret(1)]}, Secret({"list": [1]}), {"list": Secret([1])})


def test_outputs_are_the_exports(recorded):
    recording = recorded(lambda: pulumi.export("answer", {"a": [1, "b"]}))
    assert recording.outputs == {"answer": {"a": [1, "b"]}}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (None, None),
        (lambda site: {}, {}),
        (lambda site: {"url": "u", "key": pulumi.Output.secret("k")}, {"url": "u", "key": Secret("k")}),
    ],
    ids=["never registered", "nothing registered", "values registered"],
)
def test_a_component_shows_what_it_registered_as_outputs(recorded, site, outputs, expected):
    component = recorded(lambda: site("web", {"a": 1}, outputs=outputs)).one("web")
    assert (component.inputs, component.outputs, component.id, component.custom) == ({"a": 1}, expected, None, False)


def test_every_option_is_visible(recorded, thing, site):
    def program():
        provider = pulumi.ProviderResource("aws", "west", {"region": "us-west-2"})
        first = thing("first", {"size": 1})
        whole = pulumi.ResourceOptions(
            protect=True,
            depends_on=[first],
            aliases=[
                pulumi.Alias(name="old"),
                pulumi.Alias(parent=first),
                "urn:pulumi:s::p::t::n",
                pulumi.Alias(parent=None),
            ],
            provider=provider,
            ignore_changes=["size"],
            replace_on_changes=["nested.a"],
            delete_before_replace=True,
            retain_on_delete=True,
            deleted_with=first,
            custom_timeouts=pulumi.CustomTimeouts(create="30m", delete="1h"),
            additional_secret_outputs=["arn"],
        )
        thing("all", opts=whole)
        thing("none", {"other": first.size})
        site("web", opts=pulumi.ResourceOptions(providers=[provider], protect=True))

    recording = recorded(program)
    provider, first = "urn:pulumi:stack::project::pulumi:providers:aws::west", f"{THING}::first"
    assert recording.one("all").options == Options(
        protect=True,
        depends_on=(first,),
        aliases=({"name": "old"}, {"parent": first}, "urn:pulumi:s::p::t::n", {"no_parent": True}),
        provider=provider,
        ignore_changes=("size",),
        replace_on_changes=("nested.a",),
        delete_before_replace=True,
        retain_on_delete=True,
        deleted_with=first,
        custom_timeouts={"create": "30m", "delete": "1h"},
        additional_secret_outputs=("arn",),
    )
    assert recording.one("none").options == Options(depends_on=(first,), property_dependencies={"other": (first,)})
    assert recording.one("web").options == Options(protect=True, providers={"aws": provider})
    assert recording.one("web-bucket").options == Options(protect=True, provider=provider)


def test_an_import_keeps_the_id(recorded, thing):
    resource = recorded(lambda: thing("a", opts=pulumi.ResourceOptions(import_="t-1"))).one("a")
    assert (resource.id, resource.options.import_id, resource.existing) == ("t-1", "t-1", False)


def test_a_resource_that_is_read_is_marked_and_known_in_both_modes(recorded, thing):
    def program():
        pulumi.export("arn", thing("a", {"size": 2}, pulumi.ResourceOptions(id="t-1")).arn)

    recording = recorded(program)
    resource = recording.one("a")
    assert (resource.id, resource.existing, resource.inputs) == ("t-1", True, {"size": 2})
    assert recording.outputs["arn"].endswith("thing/t-1")


def test_a_resource_used_as_a_value_is_its_id_or_urn(recorded, thing, site, preview):
    def program():
        thing("a", {"thing": thing("b"), "site": site("web")})

    recording = recorded(program)
    assert recording.one("a").inputs == {"thing": recording.one("b").id, "site": recording.one("web").urn}
    assert isinstance(recording.one("b").id, Unknown if preview else str)


def test_an_asset_is_a_plain_mapping(recorded, thing):
    def program():
        code = pulumi.AssetArchive({"index.py": pulumi.StringAsset("pass"), "lib": pulumi.FileArchive("lib")})
        thing("a", {"code": code, "page": pulumi.FileAsset("index.html")})

    inputs = recorded(program).one("a").inputs
    assert inputs["page"] == {"path": "index.html"}
    assert inputs["code"] == {"assets": {"index.py": {"text": "pass"}, "lib": {"path": "lib"}}}


def test_log_lines_show_severity_message_and_urn(recorded, thing):
    def program():
        pulumi.log.warn("careful")
        pulumi.log.info("hello", resource=thing("a"))
        pulumi.log.error("broken")
        pulumi.log.debug("chatter")
        pulumi.Output.from_input(1).apply(lambda _: pulumi.log.warn("later"))

    recording = recorded(program)
    assert recording.logs == (
        LogLine("", "error", "broken"),
        LogLine("", "warning", "careful"),
        LogLine("", "warning", "later"),
        LogLine(f"{THING}::a", "info", "hello"),
    )
    assert recording.warnings == ("careful", "later")


def test_invokes_show_token_arguments_and_provider(recorded):
    def program():
        provider = pulumi.ProviderResource("aws", "west", {})
        options = pulumi.InvokeOptions(provider=provider)
        pulumi.runtime.invoke("aws:index/getRegion:getRegion", {})
        pulumi.runtime.invoke_output("aws:things/getThing:getThing", {"name": pulumi.Output.from_input("n")}, options)

    assert recorded(program).invokes == (
        Invoke("aws:index/getRegion:getRegion", {}),
        Invoke("aws:things/getThing:getThing", {"name": "n"}, "urn:pulumi:stack::project::pulumi:providers:aws::west"),
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"project:region": "eu"}, "eu"),
        ({"region": "eu"}, "eu"),
        ({"region": True}, "true"),
        ({"region": {"a": [1]}}, '{"a": [1]}'),
        ({"region": Secret("eu")}, "eu"),
        ({"other:region": "eu"}, None),
        (None, None),
    ],
)
def test_config_is_what_was_passed(recorded, config, expected):
    recording = recorded(lambda: pulumi.export("region", pulumi.Config().get("region")), config=config)
    assert recording.outputs.get("region") == expected


def test_a_secret_config_value_is_known_as_one(recorded):
    seen = []
    is_secret = pulumi.runtime.config.is_config_secret
    recorded(lambda: seen.extend([is_secret("project:a"), is_secret("project:b")]), config={"a": Secret("x"), "b": "y"})
    assert seen == [True, False]


def test_project_and_stack_can_be_named(recorded, thing):
    def program():
        thing(pulumi.get_stack())
        pulumi.export("greeting", pulumi.Config().get("greeting"))

    recording = recorded(program, project="shop", stack="prod", config={"greeting": "hi"})
    assert recording.one("prod").urn.startswith("urn:pulumi:prod::shop::")
    assert recording.outputs == {"greeting": "hi"}


def test_an_async_program_is_awaited(recorded, thing):
    async def program():
        await asyncio.to_thread(lambda: None)
        thing("late")

    assert recorded(program).tree() == "aws:things/thing:Thing late"


def test_pulumi_run_works(recorded):
    async def main():
        return {"a": 1}

    assert recorded(lambda: pulumi.run(main)).outputs == {"a": 1}


def test_a_resource_can_be_looked_up_by_urn(thing):
    def program():
        known = pulumi.runtime.invoke_output("pulumi:pulumi:getResource", {"urn": thing("a", {"size": 7}).urn})
        pulumi.export("size", known["state"]["size"])

    assert record(program).outputs == {"size": 7}
    assert record(program, preview=True).outputs == {"size": Unknown()}


def test_transforms_and_hooks_are_accepted_and_not_run(recorded, thing):
    seen = []

    def program():
        pulumi.runtime.register_stack_transform(lambda args: seen.append(args))
        pulumi.runtime.register_invoke_transform(lambda args: seen.append(args))
        hooks = pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook("before", seen.append)])
        thing("a", opts=pulumi.ResourceOptions(transforms=[lambda args: seen.append(args)], hooks=hooks))

    assert recorded(program).tree() == "aws:things/thing:Thing a"
    assert seen == []


def test_what_a_program_returns_is_ignored(recorded):
    assert recorded(lambda: {"a": 1}) == recorded(lambda: None)


def test_up_makes_computed_outputs_known(thing):
    recording = record(lambda: pulumi.export("arn", thing("a").arn))
    resource = recording.one("a")
    assert resource.outputs == {"name": resource.id, "arn": recording.outputs["arn"]}
    assert recording.outputs["arn"] == f"arn:aws:things:us-east-1:123456789012:thing/{resource.id}"


def test_additional_secret_outputs_are_secret(thing):
    options = pulumi.ResourceOptions(additional_secret_outputs=["arn"])
    recording = record(lambda: pulumi.export("arn", thing("a", opts=options).arn))
    assert isinstance(recording.outputs["arn"], Secret)


def test_preview_knows_inputs_but_no_id_and_no_computed_output(thing):
    ran = []

    def program():
        made = thing("a", {"size": 3, "secret": pulumi.Output.secret("s")})
        made.arn.apply(ran.append)
        pulumi.export("size", made.size)
        pulumi.export("id", made.id)
        pulumi.export("hidden", pulumi.Output.secret(made.arn))
        thing("b", {"policy": {"arn": made.arn, "fixed": 1}, "text": pulumi.Output.concat("x", made.arn)})

    recording = record(program, preview=True)
    assert recording.preview
    assert ran == []
    assert recording.outputs == {"size": 3, "id": Unknown(), "hidden": Secret(Unknown())}
    assert recording.one("a").id == Unknown()
    assert recording.one("a").outputs == {"size": 3, "secret": Secret("s")}
    assert recording.one("b").inputs == {"policy": {"arn": Unknown(), "fixed": 1}, "text": Unknown()}


def test_preview_does_not_create_what_mocks_would(thing):
    class Refusing(pulumi.runtime.Mocks):
        def new_resource(self, args):
            raise AssertionError("nothing is created in a preview")

        def call(self, args):
            return {"answer": 1}

    def program():
        thing("a")
        pulumi.export("answer", pulumi.runtime.invoke_output("x:y/z:z", {})["answer"])

    assert record(program, preview=True, mocks=Refusing()).outputs == {"answer": 1}
