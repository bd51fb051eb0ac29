"""Record an enhanced camera with OpenCV: a script as it was, with one line changed.

usage: python opencv_loop.py SOURCE OUT.mp4        such as /dev/video0, clip.mp4, rtsp://camera/stream
"""

import sys

import cv2

import edge_srcnn

source, target = sys.argv[1:]
camera = edge_srcnn.VideoCapture(source)  # was: cv2.VideoCapture(source)
if not camera.isOpened():
    sys.exit(1)
size = int(camera.get(cv2.CAP_PROP_FRAME_WIDTH)), int(camera.get(cv2.CAP_PROP_FRAME_HEIGHT))
writer = cv2.VideoWriter(target, cv2.VideoWriter.fourcc(*"mp4v"), camera.get(cv2.CAP_PROP_FPS) or 15, size)
try:
    while True:
        good, picture = camera.read()
        if not good or picture is None:
            break
        cv2.putText(picture, "enhanced", (16, 32), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2, cv2.LINE_AA)
        writer.write(picture)  # where there is a screen: cv2.imshow("camera", picture); cv2.waitKey(1)
except KeyboardInterrupt:
    pass
finally:
    writer.release()
    camera.release()
print(f"{target}: {size[0]}x{size[1]}")
