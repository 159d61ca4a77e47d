<?php
// URL FIELD FILE…: a form by PHP's curl; prints the body, then the status.
[, $url, $field] = $argv;
$form = [];
foreach (array_slice($argv, 3) as $at => $path) {
    // PHP's own way to repeat a field; one file keeps the field's name
    $form[$argc > 4 ? "{$field}[$at]" : $field] = new CURLFile($path, null, basename($path));
}
$request = curl_init($url);
curl_setopt_array($request, [CURLOPT_POSTFIELDS => $form, CURLOPT_RETURNTRANSFER => true]);
echo curl_exec($request), "\n", curl_getinfo($request, CURLINFO_HTTP_CODE), "\n";
fwrite(STDERR, curl_error($request));
