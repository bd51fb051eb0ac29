"""Take enhanced stills with a Raspberry Pi's camera module, one every few seconds.

usage: python picamera2_stills.py FOLDER [COUNT] [SECONDS]
"""

import sys
from pathlib import Path

import cv2

import edge_srcnn

folder = Path(sys.argv[1])
count, seconds = int(sys.argv[2] if len(sys.argv) > 2 else 10), float(sys.argv[3] if len(sys.argv) > 3 else 5)
folder.mkdir(parents=True, exist_ok=True)

# Focus, exposure and the other controls of libcamera may follow: &AfMode=Continuous
with edge_srcnn.stream("picamera2:0?size=640x480&fps=15", model="fast-m-x2-camera") as frames:
    due_s, taken = 0.0, 0
    for frame in frames:
        if frame.time_s < due_s:
            continue
        path = folder / f"still-{taken:04d}.jpg"
        cv2.imwrite(str(path), frame.bgr())
        print(f"{path}: {frame.size[0]}x{frame.size[1]}", flush=True)
        due_s, taken = due_s + seconds, taken + 1
        if taken == count:
            break
