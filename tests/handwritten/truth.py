"""What may be said of a wrong file, held against what is wrong in it."""

from gradcheck.networks.problem import Network

#: What says of every layer, or of none.
WHOLE = ("batch_reduction", "returned_gradient", "forward", "update", "regularisation")


def layers_of(words: str, network: Network) -> set[int | None]:
    """Return the layers of a network that words are true of."""
    found: set[int | None] = set()
    for word in words.split():
        if word == "none":
            found.add(None)
        elif word.isdigit():
            found.add(int(word))
        else:
            found |= {
                layer
                for layer, activation in enumerate(network.activations, start=1)
                if word in ("all", activation)
                or (word == "hidden" and layer < network.depth)
                or (word == "last" and layer == network.depth)
            }
    return found


def placed(entry, mistake):
    """Whether the right site is told: in a diagnosis, or as the line that raises."""
    error = entry["error"] or {}
    raised = [error.get("message", ""), *(f["message"] for f in entry["findings"])]
    if mistake.at and any(f"`{mistake.at}`" in text for text in raised):
        return True
    told = [d for d in entry["diagnoses"] if d["certainty"] != "unknown"]
    sites = {name["site"] for d in told for name in (d, *d["also"])}
    if sites & set(mistake.sites):
        return True
    return any(word in text for word in mistake.words for text in raised)


def false(entry, mistake):
    """List what is said of a wrong file and is not true of it."""
    wrong = []
    if entry["verdict"] not in ("wrong", "error"):
        wrong.append(f"the verdict is {entry['verdict']}")
    if entry["flags"]:
        wrong.append(f"flagged: {entry['flags']}")
    for diagnosis in entry["diagnoses"]:
        wrong += _of(diagnosis, mistake)
    return wrong


def _of(diagnosis, mistake):
    if diagnosis["certainty"] == "unknown":
        return
    told, layer = (diagnosis, *diagnosis["also"]), diagnosis["layer"]
    names = [d["bug"] for d in told if d["bug"]]
    text = (
        f"{diagnosis['bug']} {diagnosis['site']} {diagnosis['layer']}: {diagnosis['explanation']}"
    )
    # of a class one is it; of a place alone, one of the sites
    if names and not set(names) & set(mistake.bugs):
        yield f"named {names}: {text}"
    if not {d["site"] for d in told} & set(mistake.sites):
        yield f"placed elsewhere: {text}"
    network = Network.parse(diagnosis["network"])
    if layer not in layers_of(mistake.layers, network) | {None}:
        yield f"another layer: {text}"
    if (
        diagnosis["layer"] is None
        and diagnosis["site"] not in WHOLE
        and "none" not in mistake.layers.split()
    ):
        yield f"no layer: {text}"
