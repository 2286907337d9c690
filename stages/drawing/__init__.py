"""Photo-like drawings: a stand-in for Food-11 (11 food classes) and for an upstream set of other things.

A picture is a pure function of (kind, generator state, difficulty). Who does what, from the bottom up:

- `shapes`, `colours`, `textures`: outlines, materials and noise, as plain functions.
- `pen`: paints a shape with a colour and a height. Nothing that is drawn draws a shadow of its own.
- `settings`, `trimmings`: tables, walls and plates; cutlery, garnish and other things shared between scenes.
- `registry`: the kinds and the list of their scenes. The modules of foods (`breads_desserts`, `dairy_eggs`,
  `fried_meat`, `pasta_rice`, `seafood`, `soup_greens`) and `objects` add theirs when they are imported.
- `light`, `camera`: only at the end is the relief lit (shading, cast shadows, highlights) and put through a
  camera (focus, white balance, vignette, sensor noise), so foods and objects get the light of a photograph.
- `scene`: composes all that into a photo.
"""

from stages.drawing.camera import contact_sheet, jpeg
from stages.drawing.registry import FOODS, OBJECTS
from stages.drawing.scene import photo

__all__ = ["FOODS", "OBJECTS", "contact_sheet", "jpeg", "photo"]
