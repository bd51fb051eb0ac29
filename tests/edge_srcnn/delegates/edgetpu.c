/* In the place of libedgetpu.so.1: its functions (edgetpu_c.h), and a delegate that takes no node. What it does is in
 * the environment:
 *
 *   CORAL_DEVICES="usb:PATH pci:PATH"   what it sees; it refuses any other device
 *   CORAL_VERSION=TEXT                  what it says of itself
 *   CORAL_REFUSES=1                     it gives no delegate, whatever it sees
 *   CORAL_ABORTS=version|list|create    it aborts when it is asked for that
 *   CORAL_LIFE_MS=N                     a thread of its own aborts so long after a delegate was made, like a USB reset
 *   CORAL_NOTES=FILE                    it adds the options that it is given there, one NAME=VALUE a line */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tflite_delegate.h"

enum { MOST = 8 };

struct edgetpu_device {
  enum { EDGETPU_APEX_PCI, EDGETPU_APEX_USB } type;
  const char* path;
};

static void aborts_at(const char* place) {
  const char* chosen = getenv("CORAL_ABORTS");
  if (chosen != NULL && strcmp(chosen, place) == 0) abort();
}

struct edgetpu_device* edgetpu_list_devices(size_t* count) {
  static char text[1024];
  aborts_at("list");
  const char* devices = getenv("CORAL_DEVICES");
  struct edgetpu_device* found = calloc(MOST, sizeof *found);
  *count = 0;
  snprintf(text, sizeof text, "%s", devices == NULL ? "" : devices);
  for (char* each = strtok(text, " "); each != NULL && *count < MOST; each = strtok(NULL, " "), ++*count) {
    found[*count].type = strncmp(each, "usb:", 4) == 0 ? EDGETPU_APEX_USB : EDGETPU_APEX_PCI;
    found[*count].path = each + 4;
  }
  return found;
}

void edgetpu_free_devices(struct edgetpu_device* devices) { free(devices); }

const char* edgetpu_version(void) {
  aborts_at("version");
  const char* version = getenv("CORAL_VERSION");
  return version == NULL ? "BuildLabel(a stand-in), RuntimeVersion(14)" : version;
}

/* "", "usb", "pci", ":0", "usb:1": is there one? */
static bool has(const char* device) {
  size_t count, fitting = 0;
  struct edgetpu_device* found = edgetpu_list_devices(&count);
  const char* colon = strchr(device, ':');
  size_t kind = colon == NULL ? strlen(device) : (size_t)(colon - device);
  for (size_t i = 0; i < count; i++)
    fitting += kind == 0 || strncmp(found[i].type == EDGETPU_APEX_USB ? "usb" : "pci", device, kind) == 0;
  edgetpu_free_devices(found);
  return fitting > (colon == NULL ? 0 : strtoul(colon + 1, NULL, 10));
}

static void* dies_later(void* life_ms) {
  usleep(1000 * strtoul(life_ms, NULL, 10));
  abort();
}

static int prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  (void)context, (void)delegate;
  return STATUS_OK;
}

static TfLiteDelegate idle = {.Prepare = prepare};

TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                              void (*report_error)(const char*)) {
  const char *device = "", *notes = getenv("CORAL_NOTES");
  char* life_ms = getenv("CORAL_LIFE_MS");
  FILE* file = notes == NULL ? NULL : fopen(notes, "a");
  (void)report_error; /* as the real one, it does not say why */
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "device") == 0) device = values[i];
    if (file != NULL) fprintf(file, "%s=%s\n", keys[i], values[i]);
  }
  if (file != NULL) fclose(file);
  aborts_at("create");
  if (getenv("CORAL_REFUSES") != NULL || !has(device)) return NULL;
  pthread_t thread;
  if (life_ms != NULL) pthread_create(&thread, NULL, dies_later, life_ms);
  return &idle;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { (void)delegate; }
