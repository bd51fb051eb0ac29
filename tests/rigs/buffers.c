/* libcamera and picamera2 take frame buffers from a DMA heap or from /dev/udmabuf; kernels of servers often have neither. Loaded in front of libc (LD_PRELOAD), this answers with anonymous memory: the same calls,
 * file descriptors that can be mapped. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static int is_allocator(const char *path)
{
	return path && (!strcmp(path, "/dev/udmabuf") || !strcmp(path, "/dev/dma_heap/linux,cma"));
}

#define OPEN(name)                                                                          \
	int name(const char *path, int flags, ...)                                          \
	{                                                                                   \
		static int (*next)(const char *, int, ...);                                 \
		mode_t mode = 0;                                                            \
		if (is_allocator(path))                                                     \
			return memfd_create("allocator", MFD_CLOEXEC);                      \
		if (!next)                                                                  \
			next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);    \
		if (flags & (O_CREAT | O_TMPFILE)) {                                        \
			va_list rest;                                                       \
			va_start(rest, flags);                                              \
			mode = va_arg(rest, mode_t);                                        \
			va_end(rest);                                                       \
		}                                                                           \
		return next(path, flags, mode);                                             \
	}
OPEN(open)
OPEN(open64)

int ioctl(int descriptor, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	if (request == UDMABUF_CREATE)
		return fcntl(((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
	if (request == DMA_HEAP_IOCTL_ALLOC) {
		struct dma_heap_allocation_data *wanted = argument;
		int memory = memfd_create("buffer", MFD_CLOEXEC);
		if (memory < 0 || ftruncate(memory, wanted->len) < 0)
			return -1;
		wanted->fd = memory;
		return 0;
	}
	int result = next(descriptor, request, argument);
	if (result < 0 && errno == ENOTTY && (request == DMA_BUF_IOCTL_SYNC || request == DMA_BUF_SET_NAME))
		return 0;
	return result;
}
