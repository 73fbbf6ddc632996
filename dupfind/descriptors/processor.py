"""What the processor computes by itself."""

import torch


def cpu_has_bfloat16() -> bool:
    """Tell whether bfloat16 is computed by the processor itself; emulated it is slower than float32."""
    try:
        found = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.8
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16"))
