/* Gives no delegate, and says why. */
#include "tflite_delegate.h"

TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                              void (*report_error)(const char*)) {
  (void)keys, (void)values, (void)count;
  report_error("the accelerator is asleep");
  return NULL;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { (void)delegate; }
