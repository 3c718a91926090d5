"""Where to look further: addresses that a materialisation points at."""

from urllib.parse import quote

import dagster as dg

from assets.resources import VigilResource

_DASHBOARD = "app/dashboards#/view"


class LinksResource(dg.ConfigurableResource):
    """Addresses of the notebooks and of the board; empty where there is none."""

    lab_url: str = ""
    board_url: str = ""

    def of_model(self, vigil: VigilResource) -> dict[str, dg.MetadataValue]:
        """From a model to its notebook, to its decisions in Kibana, and to the replay of the past
        beside the champion.
        """
        notebook = "notebooks/6_label_and_retrain.ipynb"
        found: dict[str, dg.MetadataValue] = {
            "replay": dg.MetadataValue.asset(dg.AssetKey("trial"))
        }
        if self.lab_url:
            found["notebook"] = dg.MetadataValue.url(f"{self.lab_url}/lab/tree/{quote(notebook)}")
        else:
            found["notebook"] = dg.MetadataValue.text(notebook)
        return found | self.of_stream(vigil)

    def of_stream(self, vigil: VigilResource) -> dict[str, dg.MetadataValue]:
        """To what the stream makes of it: Kibana's dashboard and the live board."""
        found: dict[str, dg.MetadataValue] = {}
        kibana_url = vigil.settings().kibana_url.rstrip("/")
        if kibana_url:
            found["kibana"] = dg.MetadataValue.url(f"{kibana_url}/{_DASHBOARD}/vigil-incidents")
        if self.board_url:
            found["board"] = dg.MetadataValue.url(self.board_url)
        return found
