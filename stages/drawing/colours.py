"""Base colours by material, and what is done to a colour: RGB in 0..255."""

PALETTE = {  # materials share colours between classes on purpose: colour alone must not tell the foods apart
    name: [tuple(bytes.fromhex(code)) for code in codes.split()]
    for name, codes in {
        "crust": "c48442 965828 e2b068 744426",
        "crumb": "f0dab0 e2c490 c49a6c",
        "cream": "faf4e2 fffaf0 f4e4be fadcd7",
        "cheese": "f6c850 fae08c eca03c f5ebcd",
        "cake": "784630 e6be6e aa3c3c f5e1b4",
        "icing": "f096af fff5f5 5a3424 a0d7be fae182 beaae1",
        "egg": "faf8f0 f4efe2",
        "shell": "d8a07a f5ebe0 b97d55 e8d2b4",
        "yolk": "fab41e f08c14 facd50",
        "fried": "d6963c b46928 ebb95a 965a2d",
        "meat": "783e2c a0543c 5c3428 be6e5a",
        "fat": "f0dcbe e6c8a5",
        "pasta": "f0d082 e6be64 f5e1aa c8965a",
        "sauce": "be321e ebd7af 6e3c1e 5a8232 dc8c32",
        "rice": "faf8ee f0e1b4 e1be78 a0784e",
        "fish": "96a0aa e68c6e c8b496 5a6978",
        "shrimp": "f08c64 fab496 e16e50",
        "soup": "c84623 ebc882 d7963c 6e823c f5ebd2 965a32 e67832",
        "green": "3c782d 649b3c 96b950 235528",
        "red": "c8281e e14628 aa1923",
        "orange": "f08c1e faaa32 e66e28",
        "fruit": "c8281e f08c1e fad746 96b950 782850",
        "berry": "3c285a b41e32 5a1e3c",
        "dark": "2d2623 3c3228 1e1e23",
        "wood": "b98250 825532 dcb482 5a3c28 a0785a",
        "china": "f8f6f2 f0ece4 dce6eb 3c4650 b4c8be 96552d f0dcc8",
        "cloth": "f0ebe1 c83c3c 466eaa 64825a e6c864 8c8c91 dcbeb4 32373c",
        "stone": "dcd7d2 8c8782 464648 c8beaf b4afa5",
        "metal": "c8cdd2 a0a5aa e1dccd c8a05a",
        "any": "c83232 3264b4 3c9650 e6c832 823c96 e67d28 f0f0f0 32323c 3cb4b4 e68caa 8c6446",
        "sky": "8cb4e6 bed2eb e6dcd2 6e8cb4 f5c8a0",
    }.items()
}


def whole(colour, alpha: float | None = None) -> tuple[int, ...]:
    """A colour, or a colour and a height level (clipped to 0..255), as Pillow wants it."""
    return tuple(int(v) for v in (colour if alpha is None else (*colour, min(max(alpha, 0), 255))))


def shade(colour, factor: float) -> tuple[float, ...]:
    """A colour made lighter (factor > 1) or darker."""
    return tuple(min(c * factor, 255.0) for c in colour)


def mix(a, b, share: float) -> tuple[float, ...]:
    """The colour `share` of the way from a to b."""
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))
