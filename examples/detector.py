"""Find things in the enhanced frame instead of the camera's: here QR codes, by OpenCV's detector.

With ultralytics it is the same loop, and two other lines:

    model = YOLO("yolo11n.pt")                                  # in place of: detector = ...
    boxes = model(frame.bgr(), verbose=False)[0].boxes          # in place of: found, corners, _ = ...

usage: python detector.py SOURCE [FRAMES]        such as /dev/video0 or clip.mp4
"""

import sys
from itertools import islice

import cv2

import edge_srcnn

detector = cv2.QRCodeDetector()
most = int(sys.argv[2]) if len(sys.argv) > 2 else None
looked = enhanced = bicubic = 0

with edge_srcnn.stream(sys.argv[1]) as frames:
    for frame in islice(frames, most):
        looked += 1
        found, corners, _ = detector.detectAndDecode(frame.luma)  # luma is enough for a code, and is not copied
        if found and corners is not None:
            enhanced += 1
            left, top = (corners.reshape(-1, 2).min(axis=0) / frames.scale).round()
            print(f"{frame.time_s:6.2f} s: {found} at {left:.0f}, {top:.0f} of the camera's picture", flush=True)
        upscaled = cv2.resize(frame.original.luma, frame.size, interpolation=cv2.INTER_CUBIC)
        bicubic += bool(detector.detectAndDecode(upscaled)[0])
print(f"read in {enhanced} of {looked} enhanced frames, and in {bicubic} of them upscaled bicubically")
