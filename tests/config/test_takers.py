from recipelab.config.takers import choices_where, taken_by


def test_choices_are_those_whose_signature_has_the_key():
    said = taken_by("model", "shakedrop")
    assert said.startswith("\n  it is an option of model=")
    assert "pyramidnet110" in said
    assert not {"mlp", "cnn", "vgg16", "convnext_tiny", "timm"} & set(said.replace(",", "").split())
    assert "optimizer=" in taken_by("optimizer", "nesterov")


def test_nothing_is_said_of_what_nobody_takes():
    assert taken_by("model", "nonsense") == ""
    assert taken_by("trainer", "epochs") == ""


def test_any_property_of_a_target_can_be_asked_for():
    assert choices_where("model", lambda target: target.__name__ == "MLP") == ["mlp"]
